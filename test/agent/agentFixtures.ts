/** Views, circuits and provers for tests of the agent. */
import { readFileSync } from 'node:fs';
import { type Prover, type ProverFactory, ProvingError } from '#agent/proving/prover.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Address, Hex } from '#protocol/units.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import type { CircuitView, JobView } from '#protocol/views.js';

export const OTHER: Address = `0x${'0b'.repeat(20)}`;
export const BLOCK_ID: Hex = `0x${'b1'.repeat(32)}`;

/** The committed circuit's key, and its view under artifacts of the test's own. */
export function committedCircuit(artifacts: Pick<CircuitView, 'wasm' | 'zkey'>): CircuitView {
  const verificationKey = JSON.parse(readFileSync(circuitFiles().verificationKey, 'utf8'));
  const key = parseVerificationKey(verificationKey);
  if (!key.ok) throw new Error(key.detail);
  const circuitId = circuitIdOf(key.verificationKey);
  const name = 'transferRollup';
  return {
    circuitId,
    name,
    kind: 'transferRollup',
    protocol: 'groth16',
    signalCount: 3,
    verificationKey,
    samples: [],
    ...artifacts,
  };
}

/** The public signals of the sample input. */
export function sampleSignals(): string[] {
  const { preStateRoot, postStateRoot, transfersCommitment } = sampleInput() as Record<string, string>;
  return [preStateRoot!, postStateRoot!, transfersCommitment!];
}

/** One side of a job. */
export function sideOf(prover: Address, more: Partial<NonNullable<JobView['primary']>> = {}) {
  return {
    prover,
    owner: prover,
    priceBidWei: '5',
    bondWei: '10',
    provingMsP95: 1_000,
    slots: 1,
    promisedMs: 1_000,
    freeFromMs: Date.now(),
    missPpm: 50_000,
    dueMs: Date.now() + 30_000,
    status: 'active' as const,
    activeSinceMs: Date.now(),
    leaseMissed: false,
    invalidCount: 0,
    inputRefusedAtMs: null,
    excuse: null,
    spentAtMs: null,
    ...more,
  };
}

/** An awarded job over the sample input. */
export function jobOf(index: number, more: Partial<JobView> = {}): JobView {
  return {
    jobId: `${BLOCK_ID}.${index}`,
    blockId: BLOCK_ID,
    circuitId: `0x${'cc'.repeat(32)}`,
    publicSignals: sampleSignals(),
    inputHash: contentHashOf(sampleInput()),
    maxPriceWei: '1000',
    deadlineMs: Date.now() + 60_000,
    status: 'awarded',
    after: [],
    roundId: `${BLOCK_ID}.r0`,
    parametersVersion: 1,
    roundsHeld: 1,
    awardedAtMs: Date.now(),
    priceWei: '5',
    standbyFeeWei: '0',
    primary: null,
    backup: null,
    backupStartMs: null,
    activatedAtMs: null,
    activationCause: null,
    witnessClaimedAtMs: null,
    witnessVerdict: null,
    poolPolicy: 'open',
    pool: null,
    submissions: [],
    outcome: null,
    outcomeReason: null,
    deliveredBy: null,
    provingMs: null,
    endedAtMs: null,
    ...more,
  };
}

/** An award of a job to `primary`, as the log tells it; the agent reads the rest from its dues. */
export function clearedFor(primary: Address, job: JobView): EntryOf<'roundCleared'> {
  const side = { ...sideOf(primary) };
  const { prover, owner, priceBidWei, bondWei, provingMsP95, slots, promisedMs, freeFromMs, missPpm } = side;
  const times = { provingMsP95, slots, promisedMs, freeFromMs };
  const assignment = { prover, owner, priceBidWei, bondWei, ...times, missPpm };
  return {
    type: 'roundCleared',
    atMs: Date.now(),
    roundId: job.roundId!,
    asOfMs: Date.now(),
    bids: [],
    tieSeed: `0x${'00'.repeat(32)}`,
    awards: [
      {
        jobId: job.jobId,
        primary: assignment,
        backup: null,
        priceWei: '5',
        standbyFeeWei: '0',
        primaryDueMs: job.deadlineMs,
        backupStartMs: null,
        unmet: [],
      },
    ],
    unawarded: [],
    explanations: [],
    postings: [],
  };
}

/** A prover that takes `ms` and makes nothing; `fail` decides for each attempt whether it fails, and how. */
export function slowProver(ms: number, fail: (attempt: number) => boolean | Error = () => false): ProverFactory {
  let attempts = 0;
  return (): Prover => ({
    warm: async () => {},
    close: async () => {},
    prove: (_input, onProgress, signal) =>
      new Promise((resolve, reject) => {
        attempts += 1;
        const attempt = attempts;
        onProgress?.({ stage: 'proving', progressPpm: 10 });
        const timer = setTimeout(() => {
          const failure = fail(attempt);
          if (failure) reject(failure === true ? new ProvingError('provingFailed', 'no luck') : failure);
          else resolve({ zkProof: { attempt }, publicSignals: sampleSignals(), witnessMs: 1, provingMs: ms });
        }, ms);
        signal?.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(new ProvingError('cancelled', 'the work was cancelled'));
        });
      }),
  });
}

/** Waits until a condition holds; fails after ten seconds, unless told to wait longer. */
export async function until(holds: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether a process is still there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
