import type { ZkProtocol } from '#protocol/zkProof.js';
import { KillableThread } from '../killableThread.js';
import { guardMemory } from '../memoryGuard.js';
import { flawed, isCancelled, memoryFlaw, ProvingError } from '../provingError.js';
import type { BackendWatch, ProvingBackend } from './backend.js';
import type { SnarkjsRequest, SnarkjsResult, SnarkjsThreadData } from './snarkjsThread.js';

/** What snarkjs needs; `zkey` is shared memory, or null for one that only verifies. */
export interface SnarkjsOptions {
  protocol: ZkProtocol;
  zkey: Uint8Array | null;
  verificationKey: object;
  threads: number;
  /** A proof is ended when the whole process has more than this resident, in bytes. Default: no limit. */
  memoryBytesMax?: number;
}

/**
 * Groth16, PLONK and FFLONK with snarkjs, in a worker thread of its own. The proving key is in memory once, however many
 * backends share it, and the curve stays warm from one zkProof to the next.
 */
export class SnarkjsBackend implements ProvingBackend {
  readonly #thread: KillableThread<SnarkjsRequest, SnarkjsResult>;
  readonly #memoryBytesMax: number;

  constructor({ protocol, zkey, verificationKey, threads, memoryBytesMax }: SnarkjsOptions) {
    this.#memoryBytesMax = memoryBytesMax ?? Number.POSITIVE_INFINITY;
    const data: SnarkjsThreadData = { protocol, zkey, verificationKey, threads, mod: 'data:,', name: 'prover' };
    this.#thread = new KillableThread({
      file: new URL('./snarkjsThread.js', import.meta.url),
      data,
      flaws: { crashed: 'proverCrashed', timeLimit: 'proverTimeLimit', memoryLimit: 'proverMemoryLimit' },
    });
  }

  warm(): Promise<void> {
    return this.#thread.warm();
  }

  async prove(witness: Uint8Array, watch: BackendWatch): Promise<unknown> {
    const tooMuch = new AbortController();
    const unguard = guardMemory(this.#memoryBytesMax, (bytes) => tooMuch.abort(bytes));
    const signal = watch.signal ? AbortSignal.any([watch.signal, tooMuch.signal]) : tooMuch.signal;
    try {
      const request = { kind: 'prove', witness } as const;
      const { zkProof } = await this.#thread.ask(request, { ...watch, signal }, [witness.buffer as ArrayBuffer]);
      return zkProof;
    } catch (error) {
      if (tooMuch.signal.aborted && isCancelled(error) && !watch.signal?.aborted) {
        throw memoryFlaw(Number(tooMuch.signal.reason), this.#memoryBytesMax);
      }
      if (error instanceof ProvingError && error.flaw === 'proverTimeLimit') {
        throw flawed(error.flaw, `snarkjs took longer than ${watch.limitMs} ms`);
      }
      throw error;
    } finally {
      unguard();
    }
  }

  async verify(
    zkProof: object,
    publicSignals: readonly string[],
    watch: Omit<BackendWatch, 'onProgress'>,
  ): Promise<boolean> {
    return (await this.#thread.ask({ kind: 'verify', zkProof, publicSignals }, watch)).holds === true;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
