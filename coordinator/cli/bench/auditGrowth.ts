/** How inclusion proofs and appends grow with the length of a log. */
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { inclusionProof, verifyInclusion } from '#protocol/log/inclusionProof.js';
import { appendLeaf, emptyFrontier, leafHash, rootOf } from '#protocol/log/merkleTree.js';
import type { NoteSigner } from '#protocol/log/signedNote.js';
import type { Measure } from './measure.js';

/** Bytes of an entry that is appended: about what entries have on average. */
const ENTRY_BYTES = 600;

/** A checkpoint is signed after so many entries: at 1,000 entries a second, once a second. */
const ENTRIES_A_CHECKPOINT = 1_000;

const PROOFS = 200;

/**
 * Measures trees of 10^3 entries and more, by powers of ten. Only the tree and its checkpoints: what the database adds is
 * measured by `bench -- journal`.
 * @param powerMax - the last power of ten
 */
export function measureGrowth(signer: NoteSigner, origin: string, powerMax: number): Measure[] {
  const measures: Measure[] = [];
  for (let power = 3; power <= powerMax; power += 1) measures.push(...measureTree(signer, origin, 10 ** power));
  return measures;
}

function measureTree(signer: NoteSigner, origin: string, size: number): Measure[] {
  const entry = new Uint8Array(ENTRY_BYTES);
  const levels: Uint8Array[][] = [];
  let frontier = emptyFrontier();
  const startedMs = performance.now();
  for (let index = 0; index < size; index += 1) {
    new DataView(entry.buffer).setUint32(0, index);
    const grown = appendLeaf(frontier, leafHash(entry));
    frontier = grown.frontier;
    for (const node of grown.completed) {
      levels[node.level] ??= [];
      levels[node.level]!.push(node.hash);
    }
    if ((index + 1) % ENTRIES_A_CHECKPOINT === 0) {
      signCheckpoint({ origin, size: index + 1, rootHash: rootOf(frontier), extensionLines: [] }, [signer]);
    }
  }
  const appendsPerSecond = (size * 1_000) / (performance.now() - startedMs);
  const rootHash = rootOf(frontier);
  const provingMs = performance.now();
  let hashes = 0;
  for (let number = 0; number < PROOFS; number += 1) {
    const index = Math.floor((number * size) / PROOFS);
    new DataView(entry.buffer).setUint32(0, index);
    const path = inclusionProof(index, size, (level, at) => levels[level]![at]!);
    hashes = Math.max(hashes, path.length);
    if (!verifyInclusion({ index, size, leafHash: leafHash(entry), path, root: rootHash })) {
      throw new Error(`the inclusion proof of entry ${index} does not hold`);
    }
  }
  const proofMs = (performance.now() - provingMs) / PROOFS;
  const most = Math.ceil(Math.log2(size));
  return [
    {
      name: `appendsPerSecond${size}`,
      value: appendsPerSecond,
      unit: 'entries/s',
      target: 'for information',
      holds: true,
    },
    { name: `inclusionHashes${size}`, value: hashes, unit: 'hashes', target: `at most ${most}`, holds: hashes <= most },
    { name: `inclusionMs${size}`, value: proofMs, unit: 'ms', target: 'for information', holds: true },
  ];
}
