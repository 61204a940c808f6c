import { messageOf } from '../log.js';
import type { MadeProof, Prover, ProverProgress, WitnessInput } from './prover.js';
import { flawed, ProvingError } from './provingError.js';

/**
 * A prover that can be put to rest, when it holds neither threads nor files in memory, and wakes with the next call. What
 * wakes it reads and checks the circuit's files again.
 */
export class RestingProver implements Prover {
  readonly #make: () => Promise<Prover>;
  #awake: Promise<Prover> | null = null;
  #calls = 0;
  #isClosed = false;

  /** @param make - loads what is needed and makes the prover that does the work */
  constructor(make: () => Promise<Prover>) {
    this.#make = make;
  }

  warm(): Promise<void> {
    return this.#call((prover) => prover.warm());
  }

  prove(
    input: WitnessInput,
    onProgress?: (progress: ProverProgress) => void,
    signal?: AbortSignal,
    limitMs?: number,
  ): Promise<MadeProof> {
    return this.#call((prover) => prover.prove(input, onProgress, signal, limitMs));
  }

  rehearse(wires: number, signal?: AbortSignal, limitMs?: number): Promise<number> {
    return this.#call(async (prover) => (await prover.rehearse?.(wires, signal, limitMs)) ?? 0);
  }

  /** Lets go of everything, unless there is work under way. Never throws. */
  async rest(): Promise<void> {
    if (this.#calls > 0) return;
    await this.#letGo();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    const awake = this.#awake;
    this.#awake = null;
    await (await awake?.catch(() => null))?.close();
  }

  async #call<Result>(work: (prover: Prover) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new ProvingError('cancelled', 'the prover was closed');
    this.#calls += 1;
    try {
      return await work(await this.#wake());
    } finally {
      this.#calls -= 1;
    }
  }

  async #wake(): Promise<Prover> {
    this.#awake ??= this.#make();
    const waking = this.#awake;
    try {
      const prover = await waking;
      if (!this.#isClosed) return prover;
      await prover.close();
    } catch (error) {
      if (this.#awake === waking) this.#awake = null;
      throw flawed('filesLost', `the circuit's files could not be loaded again: ${messageOf(error)}`);
    }
    throw new ProvingError('cancelled', 'the prover was closed');
  }
}
