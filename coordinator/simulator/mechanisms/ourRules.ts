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
import { hasPoolTime, poolOpening, spentAtMs, unsoldPoolOpening } from '#market/pool.js';
import {
  emptyState,
  forgetCompleted,
  type Job,
  type MarketState,
  type ProverRecord,
  parametersOf,
  recordKey,
} from '#market/state.js';
import { blockTerms } from '#protocol/blockTerms.js';
import type { ActivationCause, DeliveryRole, Entry, Role } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import type { Bid, BlockRequest } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS, type Parameters } from '#protocol/parameters.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import { poolPriceWei } from '#protocol/poolPrice.js';
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
    return this.deliver(jobId, this.job(jobId)[role]!.prover, role, atMs);
  }

  /** A valid zkProof, received and accepted at the same moment. */
  private deliver(jobId: string, prover: Prover['address'], role: DeliveryRole, atMs: number): Posting[] {
    const message = { jobId, prover, contentHash: NO_HASH };
    const content = { publicSignals: [], zkProof: {} };
    this.fold(
      { type: 'proofReceived', submissionId: NO_HASH, message, signature: NO_SIGNATURE, role, ...content },
      atMs,
    );
    const job = this.job(jobId);
    const postings = provenPostings(this.state, job, job.submissions.at(-1)!, EPOCH_MS + atMs);
    this.fold({ type: 'proofAccepted', jobId, prover, role, submissionId: NO_HASH, postings: [] }, atMs);
    this.complete(jobId, atMs);
    return postings;
  }

  /** From when on neither side of an awarded job is expected to deliver, in simulated milliseconds; null while unknown. */
  spentMs(jobId: string): number | null {
    const atMs = spentAtMs(this.job(jobId));
    return atMs === null ? null : atMs - EPOCH_MS;
  }

  /** Opens the pool of a job if the rules open it now. @returns whether they did */
  openPool(jobId: string, atMs: number): boolean {
    const job = this.job(jobId);
    const nowMs = EPOCH_MS + atMs;
    const isUnsold = job.status === 'open';
    const mayOpen = this.policy.pool === 'open' && hasPoolTime(parametersOf(this.state), job, nowMs);
    const unsold = () => (mayOpen ? unsoldPoolOpening(this.requestOf(job), jobId, nowMs) : []);
    const entries = isUnsold ? unsold() : poolOpening(this.state, job, nowMs);
    for (const entry of entries) evolve(this.state, entry);
    return entries.length > 0;
  }

  /** What a zkProof earns that is committed to in an open pool at `atMs`, in wei. */
  poolPriceWei(jobId: string, atMs: number): number {
    const { pool, deadlineMs } = this.job(jobId);
    return Number(poolPriceWei(pool!, deadlineMs, EPOCH_MS + atMs));
  }

  /** Ends a job by a zkProof from the pool, committed to and shown at the same moment. @returns who is paid what */
  acceptFromPool(jobId: string, { address: prover }: Prover, atMs: number): Posting[] {
    const contentHash = NO_HASH;
    const commitment = poolCommitmentOf(contentHash, prover, jobId);
    const revealByMs = EPOCH_MS + atMs + this.parameters.poolRevealMs;
    const committed = { commitId: NO_HASH, signature: NO_SIGNATURE, revealByMs, postings: [] } as const;
    const priceWei = String(this.poolPriceWei(jobId, atMs));
    this.fold(
      { type: 'poolCommitted', ...committed, postings: [], message: { jobId, prover, commitment }, priceWei },
      atMs,
    );
    return this.deliver(jobId, prover, 'pool', atMs);
  }

  private requestOf({ blockId }: Job): BlockRequest {
    return this.state.blocks.get(blockId)!.request;
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
