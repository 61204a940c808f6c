/**
 * The thread in which snarkjs proves and verifies: keeps the proving key in (shared) memory and the curve warm, and does
 * one thing at a time. Cancelling is ending this thread; see killableThread.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ZkProtocol } from '#protocol/zkProof.js';
import { installCurve } from '../curve.js';
import type { ThreadSays } from '../killableThread.js';
import { provingMilestones } from './provingMilestones.js';

/** What the thread is started with. */
export interface SnarkjsThreadData {
  protocol: ZkProtocol;
  /** Null for a thread that only verifies. */
  zkey: Uint8Array | null;
  verificationKey: object;
  threads: number;
  /**
   * snarkjs loads the package `web-worker`, which takes any thread it wakes up in for one of its own and runs the
   * module named here; an empty one leaves our thread alone.
   */
  mod: 'data:,';
  name: string;
}

/** What the thread can be asked to do. */
export type SnarkjsRequest =
  | { kind: 'prove'; witness: Uint8Array }
  | { kind: 'verify'; zkProof: object; publicSignals: readonly string[] };

/** A zkProof as snarkjs made it, or whether one verifies. */
export type SnarkjsResult = { zkProof: unknown; holds: null } | { zkProof: null; holds: boolean };

if (parentPort) {
  const port = parentPort;
  const { protocol, zkey, verificationKey, threads } = workerData as SnarkjsThreadData;
  const say = (says: ThreadSays<SnarkjsResult>) => port.postMessage(says);
  const milestones = provingMilestones(protocol, threads);
  const hear = (words: string) => {
    const progressPpm = milestones.get(words);
    if (progressPpm !== undefined) say({ kind: 'progress', progressPpm });
  };
  const logger = { debug: hear, info: hear, warn() {}, error() {} };

  const load = async () => {
    const snarkjs = await import('snarkjs');
    await installCurve(threads);
    return snarkjs[protocol];
  };

  const work = async (system: Awaited<ReturnType<typeof load>>, request: SnarkjsRequest): Promise<SnarkjsResult> => {
    if (request.kind === 'verify') {
      return { zkProof: null, holds: await system.verify(verificationKey, request.publicSignals, request.zkProof) };
    }
    if (!zkey) throw new Error('this thread has no proving key');
    const made = await system.prove({ type: 'mem', data: zkey }, { type: 'mem', data: request.witness }, logger);
    return { zkProof: made.proof, holds: null };
  };

  const fail = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    // The engine's words for memory that it did not get.
    const isMemory = error instanceof RangeError && /allocation failed|could not allocate|out of memory/i.test(message);
    say({ kind: 'failed', flaw: isMemory ? 'proverMemoryLimit' : null, message, places: [] });
  };

  const loading = load();
  loading.then(() => say({ kind: 'ready' }), fail);
  port.on('message', (request: SnarkjsRequest) => {
    void loading
      .then((system) => work(system, request))
      .then((result) => say({ kind: 'done', result }))
      .catch(fail);
  });
}
