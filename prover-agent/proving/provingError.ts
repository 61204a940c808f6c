import type { CircuitPlace } from '#protocol/witness/witnessGenerator.js';

export type { CircuitPlace } from '#protocol/witness/witnessGenerator.js';

/** What exactly went wrong, for people and for programs that care; `ProvingError.code` is what the market is told. */
export type ProvingFlaw =
  /** The input breaks a rule of the circuit: nobody can prove it. */
  | 'unsatisfied'
  /** The input has other signals than the circuit, or other sizes. */
  | 'inputShape'
  | 'witnessTimeLimit'
  | 'witnessMemoryLimit'
  | 'witnessCrashed'
  | 'proverTimeLimit'
  /** The backend's thread or program ended without a zkProof. */
  | 'proverCrashed'
  /** The proof was ended because it took too much memory, or got none. */
  | 'proverMemoryLimit'
  /** The agent's own disk did not take a file of the job. */
  | 'diskFailed'
  /** The circuit's files could not be loaded again after a rest. */
  | 'filesLost'
  /** The program could not be started. */
  | 'proverMissing'
  /** What the program wrote is no zkProof of the circuit's protocol. */
  | 'proverOutput'
  /** A zkProof that its verification key refuses. */
  | 'zkProofInvalid'
  /** The input leads to other public signals than those of the job. */
  | 'otherSignals';

/** How the market names a failure; `cancelled` is none. */
export type ProvingCode = 'witnessFailed' | 'provingFailed' | 'cancelled';

const WITNESS_FLAWS: readonly ProvingFlaw[] = [
  'unsatisfied',
  'inputShape',
  'witnessTimeLimit',
  'witnessMemoryLimit',
  'witnessCrashed',
  // The market computes the statement again when it hears of this.
  'otherSignals',
];

/** The work ended without a zkProof. The message never quotes the input. */
export class ProvingError extends Error {
  override readonly name = 'ProvingError';
  readonly code: ProvingCode;
  /** Null for work that was cancelled, and for failures nobody has a name for. */
  readonly flaw: ProvingFlaw | null;
  /** Where the input breaks a rule, innermost first; empty unless the flaw is `unsatisfied`. */
  readonly places: readonly CircuitPlace[];
  constructor(
    code: ProvingCode,
    message: string,
    flaw: ProvingFlaw | null = null,
    places: readonly CircuitPlace[] = [],
  ) {
    super(message);
    this.code = code;
    this.flaw = flaw;
    this.places = places;
  }
}

/** An error of a known kind; its code for the market follows from the flaw. */
export function flawed(flaw: ProvingFlaw, message: string, places: readonly CircuitPlace[] = []): ProvingError {
  return new ProvingError(WITNESS_FLAWS.includes(flaw) ? 'witnessFailed' : 'provingFailed', message, flaw, places);
}

/** The error of a proof that takes more memory than it may, in bytes. */
export function memoryFlaw(tookBytes: number, mayBytes: number): ProvingError {
  const [took, may] = [tookBytes, mayBytes].map((bytes) => Math.ceil(bytes / 1_048_576));
  return flawed('proverMemoryLimit', `the proof was ended at ${took} MB of memory; ${may} MB may be used (--memory)`);
}

/** The error of work that somebody called off. */
export function cancelled(message = 'the work was cancelled'): ProvingError {
  return new ProvingError('cancelled', message);
}

/** Whether an error says that somebody called the work off. */
export function isCancelled(error: unknown): boolean {
  return error instanceof ProvingError && error.code === 'cancelled';
}
