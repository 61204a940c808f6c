import { parseVerificationKey, type VerificationKey } from '#protocol/verificationKey.js';
import { publicSignalsOf, type WitnessInput } from '#protocol/witness/witnessGenerator.js';
import type { ProvingBackend } from './backends/backend.js';
import { CommandBackend } from './backends/commandBackend.js';
import type { CommandTemplate } from './backends/commandTemplate.js';
import { normaliseZkProof } from './backends/nativeZkProof.js';
import { borrowChecker } from './backends/sharedChecker.js';
import { SnarkjsBackend } from './backends/snarkjsBackend.js';
import { GuardedWitness, WITNESS_LIMITS, type WitnessLimits } from './guardedWitness.js';
import { cancelled, flawed, isCancelled, ProvingError } from './provingError.js';
import { rehearsalWitness, wholeMs } from './rehearsalWitness.js';

export type { WitnessInput } from '#protocol/witness/witnessGenerator.js';
export { ProvingError } from './provingError.js';

/** How far a zkProof is: parts per million of the whole work, and which part of it. */
export interface ProverProgress {
  stage: 'witness' | 'proving';
  progressPpm: number;
}

/** A zkProof in its strict spelling, with its cost in milliseconds. */
export interface MadeProof {
  zkProof: Record<string, unknown>;
  publicSignals: string[];
  witnessMs: number;
  provingMs: number;
}

/** Makes zkProofs of one circuit, one at a time. */
export interface Prover {
  /** Loads proving key, witness generator and curve, so that the first zkProof does not wait for them. */
  warm(): Promise<void>;
  /**
   * Makes a zkProof and checks it against the verification key.
   * @param input - the circuit's input, decimal strings under the signals' names
   * @param signal - aborting it ends the work at once; the next call starts anew
   * @param limitMs - work that takes longer is ended as failed, in milliseconds
   * @throws ProvingError; its message never quotes the input
   */
  prove(
    input: WitnessInput,
    onProgress?: (progress: ProverProgress) => void,
    signal?: AbortSignal,
    limitMs?: number,
  ): Promise<MadeProof>;
  /**
   * Proves nothing, but takes as long: for circuits of which no input is known.
   * @param wires - of the circuit's witness
   * @returns about what a zkProof takes without its witness, in milliseconds
   * @throws ProvingError when the backend cannot work at all
   */
  rehearse?(wires: number, signal?: AbortSignal, limitMs?: number): Promise<number>;
  /** Ends threads and programs; work under way ends as cancelled. */
  close(): Promise<void>;
}

/** An external prover instead of snarkjs: the program, and the files that it works with. */
export interface CommandProving {
  template: CommandTemplate;
  zkeyPath: string;
  workDir: string;
}

/** Bytes of the artifacts, the verification key as snarkjs writes it, and how many threads one zkProof may use. */
export interface ProverOptions {
  wasm: Uint8Array;
  /** The proving key for snarkjs; an external prover reads its file. */
  zkey: Uint8Array | null;
  command?: CommandProving | null;
  verificationKey: object;
  threads: number;
  /** Verify every zkProof before handing it out (about 20 ms). Default: true. */
  selfCheck?: boolean;
  witnessLimits?: WitnessLimits;
  /** Memory at which a proof is ended: of the whole process for snarkjs, of the program for an external one; bytes. */
  memoryBytesMax?: number;
}

/** Where provers come from; tests hand in their own. */
export type ProverFactory = (options: ProverOptions) => Prover;

/** How long one zkProof may take when nobody says, in milliseconds. */
const LIMIT_MS = 3_600_000;
/** The part of the whole work that the witness is taken for, in parts per million; measured on the transfer rollup. */
const WITNESS_PPM = 30_000;

/** Copies bytes into memory that threads share, unless they are there already. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return shared;
}

/**
 * Makes a prover: the witness in a guarded thread, the zkProof by snarkjs or by an external program. Threads start with
 * the first call; the artifacts are in memory once, however many provers share them.
 * @throws Error for a verification key that is none
 */
export function createProver(options: ProverOptions): Prover {
  const { threads, command = null, verificationKey } = options;
  if (!(Number.isInteger(threads) && threads >= 1)) throw new RangeError('a prover needs at least one thread');
  const key = parseVerificationKey(verificationKey);
  if (!key.ok) throw new Error(`the verification key cannot be used: ${key.detail}`);
  const { protocol } = key.verificationKey;
  const zkey = options.zkey && sharedBytes(options.zkey);
  const memory = options.memoryBytesMax === undefined ? {} : { memoryBytesMax: options.memoryBytesMax };
  const backend = command
    ? new CommandBackend({ ...command, ...memory, threads, checker: borrowChecker(protocol, verificationKey) })
    : new SnarkjsBackend({ ...memory, protocol, zkey, verificationKey, threads });
  return new BackendProver(options, key.verificationKey, backend);
}

class BackendProver implements Prover {
  readonly #witness: GuardedWitness;
  readonly #backend: ProvingBackend;
  readonly #key: VerificationKey;
  readonly #selfCheck: boolean;
  readonly #isExternal: boolean;
  #isAtWork = false;

  constructor(options: ProverOptions, key: VerificationKey, backend: ProvingBackend) {
    this.#witness = new GuardedWitness(sharedBytes(options.wasm), options.witnessLimits ?? WITNESS_LIMITS);
    this.#backend = backend;
    this.#key = key;
    this.#selfCheck = options.selfCheck ?? true;
    this.#isExternal = options.command != null;
  }

  async warm(): Promise<void> {
    await Promise.all([this.#witness.warm(), this.#backend.warm()]);
  }

  async prove(
    input: WitnessInput,
    onProgress: (progress: ProverProgress) => void = () => {},
    signal?: AbortSignal,
    limitMs: number = LIMIT_MS,
  ): Promise<MadeProof> {
    return this.#alone(signal, () => this.#prove(input, onProgress, signal, limitMs));
  }

  async rehearse(wires: number, signal?: AbortSignal, limitMs: number = LIMIT_MS): Promise<number> {
    return this.#alone(signal, async () => {
      const { protocol } = this.#key;
      const startedMs = performance.now();
      const elapsedMs = () => performance.now() - startedMs;
      try {
        await this.#backend.prove(rehearsalWitness(wires), { signal, limitMs, onProgress: () => {} });
        return elapsedMs();
      } catch (error) {
        if (protocol === 'groth16' || !this.#isNoticed(error)) throw error;
        return wholeMs(protocol, elapsedMs());
      }
    });
  }

  /** Whether a backend noticed that a witness breaks the circuit: snarkjs says so, programs end in their own ways. */
  #isNoticed(error: unknown): boolean {
    if (!(error instanceof ProvingError) || isCancelled(error)) return false;
    if (this.#isExternal) return error.flaw === 'proverCrashed' || error.flaw === 'proverOutput';
    return error.flaw === null && /divisible|not match|not well calculated/.test(error.message);
  }

  async #alone<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    if (this.#isAtWork) throw new Error('this prover is at work: it makes one zkProof at a time');
    if (signal?.aborted) throw cancelled('cancelled before it began');
    this.#isAtWork = true;
    try {
      return await work();
    } finally {
      this.#isAtWork = false;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#witness.close(), this.#backend.close()]);
  }

  async #prove(
    input: WitnessInput,
    onProgress: (progress: ProverProgress) => void,
    signal: AbortSignal | undefined,
    limitMs: number,
  ): Promise<MadeProof> {
    const startedMs = performance.now();
    const leftMs = () => Math.max(1, Math.ceil(startedMs + limitMs - performance.now()));
    onProgress({ stage: 'witness', progressPpm: 0 });
    const witness = await this.#witness.generate(input, signal, limitMs);
    const publicSignals = publicSignalsOf(witness, this.#key.nPublic);
    const witnessedMs = performance.now();
    onProgress({ stage: 'proving', progressPpm: WITNESS_PPM });
    const raw = await this.#backend.prove(witness, {
      signal,
      limitMs: leftMs(),
      onProgress: (ppm) => onProgress({ stage: 'proving', progressPpm: Math.max(WITNESS_PPM, ppm) }),
    });
    const provenMs = performance.now();
    const zkProof = normaliseZkProof(this.#key.protocol, raw);
    if (this.#selfCheck && !(await this.#backend.verify(zkProof, publicSignals, { signal, limitMs: leftMs() }))) {
      throw flawed('zkProofInvalid', 'the zkProof does not verify under the verification key of its circuit');
    }
    return {
      zkProof: { ...zkProof },
      publicSignals,
      witnessMs: Math.round(witnessedMs - startedMs),
      provingMs: Math.round(provenMs - witnessedMs),
    };
  }
}
