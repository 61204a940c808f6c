import { type CircuitId, circuitIdOf, parseVerificationKey, type VerificationKey } from '#protocol/verificationKey.js';
import { parsePublicSignals, parseZkProof, type Verdict } from '#protocol/zkProof.js';
import { type CheckedKey, checkKeyWith } from './checkVerificationKey.js';
import type { KeyFault } from './keyFault.js';
import { type PoolTask, VerifierQueue } from './verifierQueue.js';
import { VerifierThreads } from './verifierThreads.js';

/** Statements that may wait or be under way at once; over it, `verify` throws VerifierBusyError. */
export const VERIFIER_QUEUE_MAX = 4096;

/** How long a worker may take over one batch before it is replaced, milliseconds; a batch of 64 takes about 100. */
export const VERIFIER_TIMEOUT_MS = 30_000;

/** Most statements in one batch; more gain little, for the shared work is then a twentieth of the whole. */
export const VERIFIER_BATCH_MAX = 64;

/** An operational error: too much waits already. Nothing was decided about the zkProof; ask again later. */
export class VerifierBusyError extends Error {
  override readonly name = 'VerifierBusyError';
  readonly code = 'verifierBusy';
  readonly retryable = true;
  constructor(queueMax: number) {
    super(`The verifier already has ${queueMax} requests waiting; try again in a second.`);
  }
}

/** An operational error: the pool was closed before a verdict. Nothing was decided about the zkProof. */
export class VerifierClosedError extends Error {
  override readonly name = 'VerifierClosedError';
  readonly code = 'verifierClosed';
  readonly retryable = true;
  constructor() {
    super('The verifier was closed before it could decide.');
  }
}

/** How many threads, and the named limits where a caller has reason to set others. */
export interface VerifierPoolOptions {
  /** Worker threads at most; each is made when first needed and holds about 40 MB. */
  readonly threads: number;
  /** Statements of one key that a worker takes at once, VERIFIER_BATCH_MAX unless told. */
  readonly batchMax?: number;
  /** VERIFIER_QUEUE_MAX unless told. */
  readonly queueMax?: number;
  /** VERIFIER_TIMEOUT_MS unless told. */
  readonly timeoutMs?: number;
  /** The worker's compiled module; only tests, which need one that crashes, have a reason to name another. */
  readonly workerUrl?: URL;
}

/** A zkProof that somebody says proves a job's statement. */
export interface VerifyRequest {
  readonly circuitId: CircuitId;
  /** As registered: what checkVerificationKey returned. */
  readonly verificationKey: VerificationKey;
  /** As submitted, untrusted. */
  readonly publicSignals: unknown;
  /** The job's exact vector, known before it was auctioned. */
  readonly expectedSignals: readonly string[];
  /** As submitted, untrusted. */
  readonly zkProof: unknown;
}

/** Verifies off the calling thread; made by createVerifierPool. */
export interface VerifierPool {
  /**
   * The verdict on a zkProof of exactly `expectedSignals`. Input that makes anything throw is `verifierThrew`.
   *
   * @throws VerifierBusyError when VERIFIER_QUEUE_MAX requests wait; VerifierClosedError after or during close
   * @throws TypeError when the key is not the circuit's: a bug of the caller
   */
  verify(request: VerifyRequest): Promise<Verdict>;
  /** Checks a key for registration: see checkVerificationKey. Throws as `verify` does. */
  checkVerificationKey(value: unknown): Promise<CheckedKey | KeyFault>;
  /** Ends the threads; whatever waits ends in VerifierClosedError. */
  close(): Promise<void>;
}

/**
 * Makes a pool of verifier threads. Strict parsing and the comparison of public signals happen on the calling thread
 * (microseconds); the arithmetic happens in the workers, over as many waiting statements of one key as there are.
 */
export function createVerifierPool(options: VerifierPoolOptions): VerifierPool {
  const queueMax = options.queueMax ?? VERIFIER_QUEUE_MAX;
  const queue = new VerifierQueue(options.batchMax ?? VERIFIER_BATCH_MAX);
  const threads = new VerifierThreads({
    queue,
    threadsMax: options.threads,
    timeoutMs: options.timeoutMs ?? VERIFIER_TIMEOUT_MS,
    workerUrl: options.workerUrl ?? new URL('./verifyWorker.js', import.meta.url),
  });
  const known: KnownKeys = new WeakMap();
  let isClosed = false;

  function enqueue<T>(make: (settle: (result: T) => void, fail: (error: Error) => void) => PoolTask): Promise<T> {
    if (isClosed) throw new VerifierClosedError();
    if (queue.size + threads.inFlight >= queueMax) throw new VerifierBusyError(queueMax);
    return new Promise<T>((resolve, reject) => {
      queue.add(make(resolve, reject));
      threads.wake();
    });
  }

  return {
    async verify({ circuitId, verificationKey: registered, publicSignals, expectedSignals, zkProof }) {
      const verificationKey = keyOf(known, circuitId, registered);
      const signals = parsePublicSignals(publicSignals, verificationKey.nPublic);
      if (!signals.ok) return { valid: false, code: signals.code, detail: signals.detail };
      if (!isSameVector(signals.publicSignals, expectedSignals)) {
        return { valid: false, code: 'signalsMismatch', detail: 'The public signals are not those of the job.' };
      }
      const proof = parseZkProof(verificationKey.protocol, zkProof);
      if (!proof.ok) return { valid: false, code: proof.code, detail: proof.detail };
      const item = { publicSignals: signals.publicSignals, zkProof: proof.zkProof };
      return await enqueue<Verdict>((settle, fail) => {
        return { kind: 'verify', circuitId, verificationKey, item, settle, fail, attempts: 0 };
      });
    },
    checkVerificationKey: (value) =>
      checkKeyWith(value, (verificationKey) =>
        enqueue<KeyFault | undefined>((settle, fail) => {
          return { kind: 'checkKey', verificationKey, settle, fail, attempts: 0 };
        }),
      ),
    async close() {
      isClosed = true;
      for (const task of queue.drain()) task.fail(new VerifierClosedError());
      await threads.close(new VerifierClosedError());
    },
  };
}

/** Keys seen before, strictly parsed and hashed, by the object that the caller holds. */
type KnownKeys = WeakMap<VerificationKey, { circuitId: CircuitId; verificationKey: VerificationKey }>;

/** The parsed key of a circuit; ends in a TypeError unless its hash is the circuit's id. An object is hashed once. */
function keyOf(known: KnownKeys, circuitId: CircuitId, registered: VerificationKey): VerificationKey {
  let entry = known.get(registered);
  if (!entry) {
    const parsed = parseVerificationKey(registered);
    if (!parsed.ok) throw new TypeError(`unregistered verification key: ${parsed.detail}`);
    const { verificationKey } = parsed;
    entry = { circuitId: circuitIdOf(verificationKey), verificationKey };
    known.set(registered, entry);
  }
  if (entry.circuitId !== circuitId) throw new TypeError(`the verification key is not that of circuit ${circuitId}`);
  return entry.verificationKey;
}

function isSameVector(given: readonly string[], expected: readonly string[]): boolean {
  return given.length === expected.length && given.every((signal, index) => signal === expected[index]);
}
