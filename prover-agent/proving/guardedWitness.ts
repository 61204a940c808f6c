import type { WitnessInput } from '#protocol/witness/witnessGenerator.js';
import { KillableThread } from './killableThread.js';
import { flawed, ProvingError } from './provingError.js';
import type { WitnessThreadData } from './witnessThread.js';

/** What a witness generator may use up before it is ended. */
export interface WitnessLimits {
  limitMs: number;
  memoryBytes: number;
}

/** Limits of agents that set none: the rollup's generator takes 0.2 s and 8 MB. */
export const WITNESS_LIMITS: WitnessLimits = { limitMs: 60_000, memoryBytes: 1_024 * 1_048_576 };

/** What a generator may take of the thread's own heap beside its linear memory, in MiB. */
const HEAP_MB_MAX = 512;

/** Makes witnesses in a thread of its own, which is ended when it takes too long or too much. */
export class GuardedWitness {
  readonly #thread: KillableThread<WitnessInput, Uint8Array>;
  readonly #limits: WitnessLimits;

  /** @param wasm - shared memory, so that any number of threads hold it once */
  constructor(wasm: Uint8Array, limits: WitnessLimits) {
    const data: WitnessThreadData = { wasm, memoryBytesMax: limits.memoryBytes };
    this.#limits = limits;
    this.#thread = new KillableThread({
      file: new URL('./witnessThread.js', import.meta.url),
      data,
      flaws: { crashed: 'witnessCrashed', timeLimit: 'witnessTimeLimit', memoryLimit: 'witnessMemoryLimit' },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
  }

  /** Compiles the generator. Throws ProvingError. */
  warm(): Promise<void> {
    return this.#explained(this.#thread.warm(this.#limits.limitMs), this.#limits.limitMs);
  }

  /**
   * Makes a witness.
   * @param limitMs - the time that is left for it, when that is less than the limit
   * @returns the bytes of a `wtns` file
   * @throws ProvingError
   */
  generate(input: WitnessInput, signal?: AbortSignal, limitMs = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    const leftMs = Math.min(this.#limits.limitMs, limitMs);
    return this.#explained(this.#thread.ask(input, { signal, limitMs: leftMs }), leftMs);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  /** Says which limit was reached, and which setting raises it. */
  async #explained<Result>(work: Promise<Result>, limitMs: number): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ProvingError)) throw error;
      if (error.flaw === 'witnessTimeLimit') {
        throw flawed(error.flaw, `the witness generator took longer than ${limitMs} ms (--witness-limit)`);
      }
      if (error.flaw === 'witnessMemoryLimit') throw flawed(error.flaw, `${error.message} (--witness-memory)`);
      throw error;
    }
  }
}
