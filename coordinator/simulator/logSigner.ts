import { ed25519 } from '@noble/curves/ed25519.js';
import type { CommandOf } from '#market/command.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { rootFromLeaves } from '#protocol/log/merkleTree.js';
import { ed25519VerifierKey, formatVerifierKey } from '#protocol/log/verifierKey.js';
import type { LogName } from '#protocol/logLink.js';

/** The operator's key: the same in every run, so that a seed gives the same log. */
const PRIVATE_KEY = new Uint8Array(32).fill(7);
const PUBLIC_KEY = ed25519.getPublicKey(PRIVATE_KEY);

/** A log of the simulated operator, by its number from 0. */
export function logNameOf(number: number): LogName {
  const origin = number === 0 ? 'simulated.example/market' : `simulated.example/market-${number}`;
  return { origin, logKey: formatVerifierKey(ed25519VerifierKey(origin, PUBLIC_KEY)) };
}

/**
 * The command that opens the next log behind a closed one.
 * @param closed - all entries of the closed log, oldest first
 */
export function openingOf(next: LogName, origin: string, closed: readonly Entry[]): CommandOf<'openLog'> {
  const rootHash = rootFromLeaves(closed.map((entry) => entryLeafHash(canonicalJson(entry))));
  const key = ed25519VerifierKey(origin, PUBLIC_KEY);
  const sign = (message: Uint8Array) => ed25519.sign(message, PRIVATE_KEY);
  const size = closed.length;
  const checkpoint = signCheckpoint({ origin, size, rootHash, extensionLines: [] }, [{ key, sign }]);
  const previous = { size, rootHash: `0x${Buffer.from(rootHash).toString('hex')}` as const, checkpoint };
  return { kind: 'openLog', cause: 'rotation', ...next, previous };
}
