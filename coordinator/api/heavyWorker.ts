/** Worker thread of heavyWork.ts. What only blocks need is loaded with the first block. */
import { parentPort, workerData } from 'node:worker_threads';
import { contentHashOf } from '#protocol/contentHash.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';
import type { BlockSplit, HeavyAnswer, HeavyTask } from './heavyWork.js';
import { KnownSigners } from './knownSigners.js';

const domain = workerData as SigningDomain;
const signers = new KnownSigners();

async function split(blockFile: unknown, blockHash: Hex): Promise<BlockSplit> {
  let hash: Hex;
  try {
    hash = contentHashOf(blockFile);
  } catch (error) {
    return { ok: false, code: 'invalidBlock', detail: `malformed: ${(error as Error).message}` };
  }
  if (hash !== blockHash) return { ok: false, code: 'blockHashMismatch', detail: `the hash of the file is ${hash}` };
  const { splitBlock } = await import('#market/splitBlock.js');
  const result = splitBlock(blockFile);
  if (!result.ok) {
    const { code, transferIndex, detail } = result;
    const place = transferIndex === null ? '' : ` at transfer ${transferIndex}`;
    return { ok: false, code: 'invalidBlock', detail: `${code}${place}: ${detail}` };
  }
  const jobs = result.jobs.map(({ publicSignals, witnessInput }) => {
    return { publicSignals: [...publicSignals], inputHash: contentHashOf(witnessInput), witnessInput };
  });
  return { ok: true, jobs };
}

async function answer(task: HeavyTask): Promise<HeavyAnswer> {
  if (task.kind === 'split') return await split(task.blockFile, task.blockHash);
  const digest = task.kind === 'digest' ? task.digest : digestOf(domain, task.type, task.message);
  return { digest, flaw: signers.check(digest, task.signature, task.account) };
}

parentPort?.on('message', (tasks: HeavyTask[]) => {
  // A rejection ends the thread; the lane tells whoever waits and starts another.
  void Promise.all(tasks.map(answer)).then((answers) => parentPort?.postMessage(answers));
});
