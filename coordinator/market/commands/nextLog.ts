import { bytesToHex } from '@noble/hashes/utils.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { coordinatorIdOf } from '#protocol/log/coordinatorId.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { LOG_REASON_MAX, LOGS_MAX, type LogName, logNameSchema } from '#protocol/logLink.js';
import { reject } from '#protocol/rejections.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { carriedOverPostings } from '../nextLogFold.js';
import type { Market, MarketState } from '../state.js';

/** Ends the log: nothing follows in it, and the market goes on in the one that it names. The operator's command. */
export function closeLog(state: MarketState, command: CommandOf<'closeLog'>, nowMs: number): Decision {
  const { next, reason } = command;
  if (!state.market) return reject('badRequest', 'the market is not open yet');
  if (reason.length < 1 || reason.length > LOG_REASON_MAX) {
    return reject('badRequest', `the reason must have 1 to ${LOG_REASON_MAX} characters`);
  }
  const flaw = nameFlaw(state, state.market, next);
  return flaw ? reject('badRequest', flaw) : accept({ type: 'logClosed', atMs: nowMs, next, reason });
}

/**
 * Begins the next log. A rotation goes on where the log before was closed for it; an import, by another operator, also where
 * the log before just ends, which is then nobody's word but its own. That the size and root are those of the entries is for
 * whoever has the tree; here they are held against the signed checkpoint.
 */
export function openLog(state: MarketState, command: CommandOf<'openLog'>, nowMs: number): Decision {
  const { cause, origin, logKey, previous } = command;
  const { market, closedFor } = state;
  if (!market) return reject('badRequest', 'the market is not open yet');
  const flaw = nameFlaw(state, market, { origin, logKey }) ?? linkFlaw(state, market, command);
  if (flaw) return reject('badRequest', flaw);
  if (closedFor && (closedFor.origin !== origin || closedFor.logKey !== logKey)) {
    return reject('badRequest', `the log before was closed for ${closedFor.origin} with the key ${closedFor.logKey}`);
  }
  if (!closedFor && cause === 'rotation') return reject('badRequest', 'a rotation follows a logClosed');
  const isImport = cause === 'import';
  return accept({
    type: 'logOpened',
    atMs: nowMs,
    number: state.earlierLogs.length + 1,
    cause,
    origin,
    logKey,
    coordinatorId: isImport ? coordinatorIdOf(logKey) : market.coordinatorId,
    previous: { origin: market.origin, logKey: market.logKey, ...previous },
    gapMs: isImport ? nowMs - state.lastAtMs : 0,
    postings: isImport ? carriedOverPostings(state) : [],
  });
}

/** Why a next log cannot have this name; null when it can. An origin names one log for ever: cosigners remember it. */
function nameFlaw({ earlierLogs, settlement }: MarketState, { origin }: Market, next: LogName): string | null {
  // The contract that holds its money knows one log and one operator.
  if (settlement) return 'a market whose money is on a chain keeps to its log';
  if (!logNameSchema.safeParse(next).success) return 'origin and key are not of the form that logs have';
  if (parseVerifierKey(next.logKey)?.name !== next.origin) return `the key is not one of the origin ${next.origin}`;
  if (earlierLogs.length + 1 >= LOGS_MAX) return `a market has at most ${LOGS_MAX} logs`;
  const isTaken = next.origin === origin || earlierLogs.some((log) => log.origin === next.origin);
  return isTaken ? `a log of this market is called ${next.origin} already` : null;
}

/** Why what is said of the log before is not what its key has signed, or not of this length; null when it is. */
function linkFlaw(state: MarketState, market: Market, { previous }: CommandOf<'openLog'>): string | null {
  const { size, rootHash, checkpoint: note } = previous;
  const treeSize = state.size - state.logFirstIndex;
  if (size !== treeSize) return `the log before has ${treeSize} entries, not ${size}`;
  const key = parseVerifierKey(market.logKey);
  if (!key) return 'the log before names no key';
  const opened = openCheckpoint(note, { origin: market.origin, logKeys: [key] }, verifyEd25519);
  if (!opened.ok) return `the checkpoint of the log before is not good: ${opened.reason}`;
  const { checkpoint } = opened;
  const isSame = checkpoint.size === size && `0x${bytesToHex(checkpoint.rootHash)}` === rootHash;
  return isSame ? null : 'size and root hash are not those of the checkpoint of the log before';
}
