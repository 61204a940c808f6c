import type { VerificationKey } from '#protocol/verificationKey.js';
import type { Verdict } from '#protocol/zkProof.js';
import type { KeyFault } from './keyFault.js';
import type { WorkerItem } from './verifyWorker.js';

/** PLONK and FFLONK zkProofs gain nothing from company, so a worker takes few of them at once. */
const UNBATCHED_MAX = 4;

/** Statements below which a batch is not split between idle workers: there the shared work is most of the cost. */
const SPLIT_MIN = 8;

interface Waiting {
  readonly verificationKey: VerificationKey;
  readonly fail: (error: Error) => void;
  /** How often a worker died over it. */
  attempts: number;
}

/** A statement to be verified. */
export interface VerifyTask extends Waiting {
  readonly kind: 'verify';
  readonly circuitId: string;
  readonly item: WorkerItem;
  readonly settle: (verdict: Verdict) => void;
}

/** A verification key to be checked. */
export interface CheckKeyTask extends Waiting {
  readonly kind: 'checkKey';
  readonly settle: (fault: KeyFault | undefined) => void;
}

/** Anything that waits for a worker. */
export type PoolTask = VerifyTask | CheckKeyTask;

/** What one worker is given at once: statements of one key, or one key to check. */
export type PoolBatch = readonly [CheckKeyTask] | readonly VerifyTask[];

/** What waits for a worker, in order of arrival; a batch takes the oldest and all that share its key. */
export class VerifierQueue {
  #waiting: PoolTask[] = [];
  readonly #batchMax: number;

  constructor(batchMax: number) {
    this.#batchMax = batchMax;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(task: PoolTask): void {
    this.#waiting.push(task);
  }

  /** Puts back what a dying worker held, before everything else. */
  putBack(tasks: readonly PoolTask[]): void {
    this.#waiting.unshift(...tasks);
  }

  /**
   * Takes the next batch out, empty when nothing waits. A task over which a worker has died goes alone, so that it
   * cannot take others with it.
   *
   * @param idleThreads - workers that could start now, at least 1; a large batch is shared out among them
   */
  takeBatch(idleThreads: number): PoolBatch {
    const [head] = this.#waiting;
    if (!head) return [];
    if (head.kind === 'checkKey') {
      this.#waiting.shift();
      return [head];
    }
    const alike =
      head.attempts > 0
        ? [head]
        : this.#waiting.filter((task): task is VerifyTask => {
            return task.kind === 'verify' && task.circuitId === head.circuitId && task.attempts === 0;
          });
    const max = head.verificationKey.protocol === 'groth16' ? this.#batchMax : Math.min(UNBATCHED_MAX, this.#batchMax);
    const share = Math.max(SPLIT_MIN, Math.ceil(alike.length / idleThreads));
    const batch = alike.slice(0, Math.min(max, share));
    const taken = new Set<PoolTask>(batch);
    this.#waiting = this.#waiting.filter((task) => !taken.has(task));
    return batch;
  }

  /** Takes everything out. */
  drain(): PoolTask[] {
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}
