/** Logs that follow one another, over a market in memory: what a rotation and an import hand to the rules. */
import { createPrivateKey } from 'node:crypto';
import { type OperatorKey, operatorKeyOf } from '#journal/operatorKey.js';
import type { CommandOf } from '#market/command.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { rootFromLeaves } from '#protocol/log/merkleTree.js';
import type { Executed, MarketDriver } from './marketDriver.js';
import { OPERATOR } from './testOperator.js';

const PKCS8_PREFIX = '302e020100300506032b657004220420';

/** An operator's key made from one byte. */
export function operatorOf(byte: number, origin: string): OperatorKey {
  const der = Buffer.from(PKCS8_PREFIX + byte.toString(16).padStart(2, '0').repeat(32), 'hex');
  return operatorKeyOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), origin);
}

/** The log of these entries, as its operator's checkpoint signs it. */
export function checkpointOver(entries: readonly Entry[], { origin, verifierKey, sign }: OperatorKey = OPERATOR) {
  const rootHash = rootFromLeaves(entries.map((entry) => entryLeafHash(canonicalJson(entry))));
  const size = entries.length;
  const checkpoint = signCheckpoint({ origin, size, rootHash, extensionLines: [] }, [{ key: verifierKey, sign }]);
  return { size, rootHash: `0x${Buffer.from(rootHash).toString('hex')}` as const, checkpoint };
}

/** The entries of the present log. */
export function presentLog(entries: readonly Entry[]): Entry[] {
  return entries.slice(
    Math.max(
      0,
      entries.findLastIndex(({ type }) => type === 'logOpened'),
    ),
  );
}

type Opening = CommandOf<'openLog'>;

/** Has the next log opened under a key. @param entries - all entries of the market so far */
export function openNext(
  market: MarketDriver,
  entries: readonly Entry[],
  next: OperatorKey,
  { cause = 'rotation', before = OPERATOR, ...bent }: Partial<Opening> & { before?: OperatorKey } = {},
): Promise<Executed> {
  const { origin, logKey } = next;
  const previous = checkpointOver(presentLog(entries), before);
  return market.run({ kind: 'openLog', cause, origin, logKey, previous, ...bent });
}

/** Closes the log and opens the next one, as its operator does. */
export async function rotate(market: MarketDriver, entries: readonly Entry[], next: OperatorKey): Promise<Executed> {
  const { origin, logKey } = next;
  const closed = await market.run({ kind: 'closeLog', next: { origin, logKey }, reason: 'it is long' });
  return closed.ok ? openNext(market, entries, next) : closed;
}
