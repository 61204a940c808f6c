import type { ZkProtocol } from '#protocol/zkProof.js';
import { KillableThread } from '../killableThread.js';
import { flawed, ProvingError } from '../provingError.js';
import type { BackendWatch, ProvingBackend } from './backend.js';
import type { SnarkjsRequest, SnarkjsResult, SnarkjsThreadData } from './snarkjsThread.js';

/** What snarkjs needs; `zkey` is shared memory, or null for one that only verifies. */
export interface SnarkjsOptions {
  protocol: ZkProtocol;
  zkey: Uint8Array | null;
  verificationKey: object;
  threads: number;
}

/**
 * Groth16, PLONK and FFLONK with snarkjs, in a worker thread of its own. The proving key is in memory once, however many
 * backends share it, and the curve stays warm from one zkProof to the next.
 */
export class SnarkjsBackend implements ProvingBackend {
  readonly #thread: KillableThread<SnarkjsRequest, SnarkjsResult>;

  constructor({ protocol, zkey, verificationKey, threads }: SnarkjsOptions) {
    const data: SnarkjsThreadData = { protocol, zkey, verificationKey, threads, mod: 'data:,', name: 'prover' };
    this.#thread = new KillableThread({
      file: new URL('./snarkjsThread.js', import.meta.url),
      data,
      flaws: { crashed: 'proverCrashed', timeLimit: 'proverTimeLimit', memoryLimit: 'proverCrashed' },
    });
  }

  warm(): Promise<void> {
    return this.#thread.warm();
  }

  async prove(witness: Uint8Array, watch: BackendWatch): Promise<unknown> {
    try {
      const { zkProof } = await this.#thread.ask({ kind: 'prove', witness }, watch, [witness.buffer as ArrayBuffer]);
      return zkProof;
    } catch (error) {
      if (error instanceof ProvingError && error.flaw === 'proverTimeLimit') {
        throw flawed(error.flaw, `snarkjs took longer than ${watch.limitMs} ms`);
      }
      throw error;
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
