/**
 * The one place where the comparison touches the market's own code: it keeps a real `MarketState`, clears with the real
 * `clear`, folds real entries with the real `evolve` (so records, curves and loads are the market's), and takes payouts from
 * the real `ending.ts`. Bonds are not moved: every prover here has money enough.
 */
import { type ClearingInput, type ClearingResult, clear } from '#market/clear.js';
import type { SignedCommand } from '#market/command.js';
import { clearingInput } from '#market/commands/closeRound.js';
import { expireAwarded, provenPostings } from '#market/ending.js';
import { evolve } from '#market/evolve.js';
import {
  emptyState,
  forgetCompleted,
  type Job,
  type MarketState,
  type ProverRecord,
  recordKey,
} from '#market/state.js';
import { blockTerms } from '#protocol/blockTerms.js';
import type { ActivationCause, Entry, Posting, Role } from '#protocol/entries.js';
import type { Bid } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS, type Parameters } from '#protocol/parameters.js';
import { blockIdOf } from '#protocol/units.js';
import { addressOf, type Prover } from './population.js';
import type { SimJob } from './simMarket.js';
import type { Offer } from './strategy.js';

/** Unix milliseconds of the simulation's zero, so that all moments of the market are plausible. */
export const EPOCH_MS = 1_700_000_000_000;

const REQUESTER = addressOf(0x3000_0000);
const CIRCUIT_ID = `0x${'c'.repeat(64)}` as const;
const NO_HASH = `0x${'0'.repeat(64)}` as const;
const NO_SIGNATURE = '0x';
const PLENTY_WEI = 10n ** 18n;

/** What a requester demands, as far as the mechanisms differ in it. */
export interface OurPolicy {
  pricing: 'vickrey' | 'first';
  backup: 'market' | 'none';
  pool: 'open' | 'none';
  award: 'cheapest' | 'fastest';
}

/** The requester's terms, in wei. */
export interface OurTerms {
  maxPriceWei: number;
  missCostWei: number;
  standbyWeight: number;
}

export class OurRules {
  readonly state: MarketState = emptyState();
  readonly parameters: Parameters;
  private readonly policy: OurPolicy;
  private readonly terms: OurTerms;
  private readonly jobsLeft = new Map<string, number>();
  private nonce = 0;

  constructor(provers: readonly Prover[], policy: OurPolicy, terms: OurTerms, parameters = DEFAULT_PARAMETERS) {
    this.policy = policy;
    this.terms = terms;
    this.parameters = parameters;
    this.state.parametersVersion = 1;
    this.state.parameters.set(1, parameters);
    for (const { address: prover, ownerAddress: owner } of provers) {
      this.state.provers.set(prover, { prover, owner, name: '', registeredAtMs: EPOCH_MS });
      this.state.balances.set(`account:${prover}`, PLENTY_WEI);
    }
  }

  job(jobId: string): Job {
    return this.state.jobs.get(jobId)!;
  }

  /** What the market knows of a prover. */
  recordOf(prover: Prover['address']): ProverRecord | undefined {
    return this.state.records.get(recordKey(prover, CIRCUIT_ID));
  }

  /** Notes a block: escrow is not moved. */
  submitBlock(jobs: readonly SimJob[], atMs: number): void {
    const { maxPriceWei, missCostWei } = this.terms;
    const choice = { maxPriceWei: BigInt(maxPriceWei), missCostWei: BigInt(missCostWei), bidWindowMs: 1, rounds: 1 };
    const deadlineMs = EPOCH_MS + jobs[0]!.deadlineMs;
    const party = { requester: REQUESTER, nonce: ++this.nonce, circuitId: CIRCUIT_ID, blockHash: NO_HASH };
    const message = { ...blockTerms({ ...choice, ...this.policy, deadlineMs }), ...party };
    const blockId = blockIdOf(jobs[0]!.jobId);
    const listed = jobs.map(({ jobId }) => ({ jobId, publicSignals: [], inputHash: NO_HASH }));
    this.jobsLeft.set(blockId, jobs.length);
    this.fold({ type: 'blockSubmitted', blockId, message, signature: NO_SIGNATURE, jobs: listed, postings: [] }, atMs);
  }

  /** Opens a round, takes the offers and clears it, all at the end of its window. @returns what `clear` was given and said */
  clearRound(
    jobs: readonly SimJob[],
    step: number,
    offers: readonly Offer[],
    atMs: number,
  ): { input: ClearingInput; result: ClearingResult } {
    const nowMs = EPOCH_MS + atMs;
    const blockId = blockIdOf(jobs[0]!.jobId);
    const roundId = `${blockId}.r${step}`;
    const { deadlineMs } = this.job(jobs[0]!.jobId);
    const maxPriceWei = String(this.terms.maxPriceWei);
    const times = { deadlineMs, closesAtMs: nowMs };
    const jobIds = jobs.map(({ jobId }) => jobId);
    const what = { roundId, blockId, circuitId: CIRCUIT_ID, jobIds, sealing: 'receipt' as const };
    this.fold({ type: 'roundOpened', ...what, ...times, step, parametersVersion: 1, maxPriceWei }, atMs);
    const bids = offers.map((offer) => bidOf(offer, roundId, deadlineMs));
    const input = this.weighed(clearingInput(this.state, this.state.rounds.get(roundId)!, bids, nowMs));
    const result = clear(input);
    const entry = { type: 'roundCleared' as const, roundId, asOfMs: nowMs, bids: [], tieSeed: NO_HASH, postings: [] };
    this.fold({ ...entry, ...result }, atMs);
    return { input, result };
  }

  /** Counts standby duties by {@link OurTerms.standbyWeight}: at 1 the input is the market's, unchanged. */
  private weighed(input: ClearingInput): ClearingInput {
    const { standbyWeight } = this.terms;
    if (standbyWeight === 1) return input;
    const candidates = input.candidates.map((candidate) => {
      const standbyMs = Math.ceil(candidate.load.standbyMs * standbyWeight);
      return { ...candidate, load: { ...candidate.load, standbyMs } };
    });
    return { ...input, candidates };
  }

  activateBackup(jobId: string, cause: ActivationCause, atMs: number): void {
    const { backup } = this.job(jobId);
    this.fold({ type: 'backupActivated', jobId, prover: backup!.prover, cause, expectedEndMs: null }, atMs);
  }

  missLease(jobId: string, role: Role, atMs: number): void {
    const { prover } = this.job(jobId)[role]!;
    this.fold({ type: 'leaseMissed', jobId, prover, role, lastSeenMs: EPOCH_MS + atMs }, atMs);
  }

  /** Ends a job by a zkProof of its primary or backup. @returns who is paid what */
  accept(jobId: string, role: Role, atMs: number): Posting[] {
    const job = this.job(jobId);
    const { prover } = job[role]!;
    const message = { jobId, prover, contentHash: NO_HASH };
    const content = { publicSignals: [], zkProof: {} };
    this.fold(
      { type: 'proofReceived', submissionId: NO_HASH, message, signature: NO_SIGNATURE, role, ...content },
      atMs,
    );
    const postings = provenPostings(this.state, job, job.submissions.at(-1)!, EPOCH_MS + atMs);
    this.fold({ type: 'proofAccepted', jobId, prover, role, submissionId: NO_HASH, postings: [] }, atMs);
    this.complete(jobId, atMs);
    return postings;
  }

  /** When a called backup's time is over: its promised time and the margin, Unix milliseconds less the epoch. */
  backupOverMs(jobId: string): number {
    const { activeSinceMs, provingMsP95 } = this.job(jobId).backup!;
    return activeSinceMs! - EPOCH_MS + provingMsP95 + this.parameters.deliveryMarginMs;
  }

  /**
   * Ends a job by a zkProof from the pool. Up to the job's price comes from the requester, the rest out of the bonds of
   * those who failed; what is left of those is divided as when a backup delivers.
   */
  acceptFromPool(jobId: string, prover: Prover, priceWei: number, atMs: number): Posting[] {
    const job = this.job(jobId);
    const isUnsold = job.status === 'open';
    const fines = isUnsold ? [] : expireAwarded(this.state, job, EPOCH_MS + atMs).postings;
    const escrow = `escrow:${blockIdOf(jobId)}`;
    const to = `account:${prover.address}`;
    const jobPriceWei = isUnsold ? priceWei : Math.min(priceWei, Number(job.priceWei));
    const postings: Posting[] = [{ from: escrow, to, amountWei: String(jobPriceWei), why: 'price' }];
    let dearerWei = BigInt(priceWei - jobPriceWei);
    for (const { from, to: whom, amountWei, why } of fines) {
      if (why !== 'slashToRequester') continue;
      const side = job.primary!.prover === from.slice(-42) ? job.primary! : job.backup!;
      const coverWei = dearerWei < side.bondWei ? dearerWei : side.bondWei;
      dearerWei -= coverWei;
      const leftWei = side.bondWei - coverWei < BigInt(amountWei) ? side.bondWei - coverWei : BigInt(amountWei);
      const rescuerWei = (leftWei * BigInt(this.parameters.slashRescuerBps)) / 10_000n;
      postings.push({ from, to, amountWei: String(coverWei), why: 'cover' });
      postings.push({ from, to, amountWei: String(rescuerWei), why: 'slashToRescuer' });
      postings.push({ from, to: whom, amountWei: String(leftWei - rescuerWei), why });
    }
    this.fold({ type: 'jobExpired', jobId, reason: 'deadlinePassed', excused: [], postings: [] }, atMs);
    this.complete(jobId, atMs);
    return postings;
  }

  /** Ends a job that nobody delivered. @returns who is paid what; nothing for a job that nobody bought */
  expire(jobId: string, atMs: number): Posting[] {
    const job = this.job(jobId);
    if (job.status === 'open') {
      this.fold({ type: 'jobExpired', jobId, reason: 'noBids', excused: [], postings: [] }, atMs);
      this.complete(jobId, atMs);
      return [];
    }
    const { postings, ...expired } = expireAwarded(this.state, job, EPOCH_MS + atMs);
    this.fold({ ...expired, postings: [] }, atMs);
    this.complete(jobId, atMs);
    return postings;
  }

  private fold(entry: DistributiveOmit<Entry, 'atMs'>, atMs: number): void {
    evolve(this.state, { ...entry, atMs: EPOCH_MS + atMs } as Entry);
  }

  /** Forgets a block with its last job. */
  private complete(jobId: string, atMs: number): void {
    const blockId = blockIdOf(jobId);
    const left = this.jobsLeft.get(blockId)! - 1;
    this.jobsLeft.set(blockId, left);
    if (left > 0) return;
    this.jobsLeft.delete(blockId);
    this.fold({ type: 'blockCompleted', blockId, proven: 0, expired: 0 }, atMs);
    forgetCompleted(this.state, blockId);
  }
}

/** A bid as the market reads it: its signature and digest are not looked at by the rules. */
function bidOf(offer: Offer, roundId: string, deadlineMs: number): SignedCommand<Bid> {
  const { prover, priceWei, standbyWei, maxJobs, promisedMs } = offer;
  const prices = { priceWei: String(priceWei), standbyWei: String(standbyWei) };
  const work = { maxJobs, maxConcurrent: prover.slots, provingMsP95: promisedMs };
  const message = { roundId, prover: prover.address, ...prices, ...work, expiresAtMs: deadlineMs, salt: NO_HASH };
  return { message, signature: NO_SIGNATURE, digest: NO_HASH };
}

type DistributiveOmit<Type, Key extends PropertyKey> = Type extends unknown ? Omit<Type, Key> : never;
