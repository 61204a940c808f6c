/**
 * What a prover would have bid in a market's past rounds, and what it would have earned: each round is cleared again by the
 * market's own rules, with the bid among the others.
 *
 * Taken as given is all that others did later: their bids, their load, who failed. A prover that wins is taken to deliver
 * within its promise. That flatters long stretches: rivals that lose work would have had more time for the next round.
 */
import { ClearedPrices } from '#agent/bidding/clearedPrices.js';
import { type BidDecision, decideBid, type Pricing } from '#agent/bidding/decideBid.js';
import type { StandbyOdds } from '#agent/bidding/standbyPrice.js';
import { type Candidate, type ClearingResult, clear } from '#market/clear.js';
import { clearingInput } from '#market/commands/closeRound.js';
import { eligibility } from '#market/eligibility.js';
import { evolve } from '#market/evolve.js';
import { loadOf } from '#market/load.js';
import { missCurve, provingMsP95 } from '#market/record.js';
import {
  type Block,
  emptyState,
  forgetCompleted,
  type MarketState,
  pinnedParameters,
  type Round,
  recordKey,
} from '#market/state.js';
import type { Award, Entry, EntryOf } from '#protocol/entries.js';
import type { Explanation } from '#protocol/explanations.js';
import type { Bid } from '#protocol/messages.js';
import type { Address } from '#protocol/units.js';

export interface DryRunOptions {
  /** The prover whose record and score are used; one that the log does not know is taken for established. */
  prover: Address;
  pricing: Pricing;
  slots: number;
  /** What would be promised for a circuit, in milliseconds; null for one that is not proven. */
  promisedMs(circuitId: string): number | null;
  /** Money for bonds, in wei. */
  stakeWei: bigint;
  odds: StandbyOdds;
  /** Rounds that are kept, the newest. */
  roundsMax: number;
}

/** What would have become of one round; amounts in wei. */
export interface DryRound {
  roundId: string;
  clearedAtMs: number;
  jobs: number;
  maxPriceWei: bigint;
  decision: BidDecision;
  /** What the market would have said to the bid; null without one. */
  explanation: Explanation | null;
  primaryJobs: number;
  backupJobs: number;
  /** Backups that the log's own course would have called. */
  calledJobs: number;
  earnedWei: bigint;
  /** What the proving would have cost by the operator's own cost model. */
  costWei: bigint;
  bondsWei: bigint;
}

/** A duty that the prover would hold. */
interface Duty {
  jobId: string;
  standby: boolean;
  provingMs: number;
  /** When a primary would be done; a backup waits for the job's end in the log. */
  untilMs: number | null;
  bondWei: bigint;
  primary: Address;
  round: DryRound;
  bid: Bid;
  costWei: bigint;
}

/** Takes a log entry by entry, from its first. */
export class DryRun {
  readonly rounds: DryRound[] = [];
  readonly #options: DryRunOptions;
  readonly #state: MarketState = emptyState();
  readonly #cleared = new ClearedPrices();
  #duties: Duty[] = [];

  constructor(options: DryRunOptions) {
    this.#options = options;
  }

  /** Takes the next entry. Throws when it does not follow from those before it. */
  push(entry: Entry): void {
    if (entry.type === 'roundCleared') this.#clear(entry);
    else if (entry.type === 'backupActivated') this.#call(entry.jobId);
    else if (entry.type === 'proofAccepted' || entry.type === 'jobExpired') this.#end(entry.jobId);
    evolve(this.#state, entry);
    if (entry.type === 'blockCompleted') forgetCompleted(this.#state, entry.blockId);
  }

  #clear(entry: EntryOf<'roundCleared'>): void {
    const round = this.#state.rounds.get(entry.roundId)!;
    const { request } = this.#state.blocks.get(round.blockId)!;
    this.#duties = this.#duties.filter(({ untilMs }) => untilMs === null || untilMs > entry.asOfMs);
    const decision = this.#decide(round, request);
    const dry: DryRound = {
      ...{ roundId: round.roundId, clearedAtMs: entry.atMs, jobs: round.jobIds.length, maxPriceWei: round.maxPriceWei },
      ...{ decision, explanation: null, primaryJobs: 0, backupJobs: 0, calledJobs: 0 },
      ...{ earnedWei: 0n, costWei: 0n, bondsWei: 0n },
    };
    if (decision.ok) this.#bid(entry, round, request, dry, decision);
    this.rounds.push(dry);
    if (this.rounds.length > this.#options.roundsMax) this.rounds.shift();
  }

  #decide(round: Round, request: Block['request']): BidDecision {
    const { pricing, slots, stakeWei, odds, prover } = this.#options;
    const { circuitId, maxPriceWei } = round;
    const { requester, pricing: rule } = request;
    const atRiskWei = this.#duties.reduce((sum, { bondWei }) => sum + bondWei, 0n);
    return decideBid({
      ...{ pricing, slots, odds, prover, atRiskWei },
      round: { ...round, maxPriceWei: maxPriceWei.toString() },
      request: { requester, pricing: rule, maxPriceWei: BigInt(request.maxPriceWei) },
      circuitName: this.#state.circuits.get(circuitId)?.name ?? null,
      cleared: this.#cleared.of(circuitId),
      promisedMs: this.#options.promisedMs(circuitId),
      committedMs: this.#duties.reduce((sum, { provingMs }) => sum + provingMs, 0),
      freeWei: stakeWei,
      parameters: pinnedParameters(this.#state, round),
      nowMs: round.closesAtMs - 1,
      salt: `0x${'00'.repeat(32)}`,
    });
  }

  #bid(
    entry: EntryOf<'roundCleared'>,
    round: Round,
    request: Block['request'],
    dry: DryRound,
    { bid, costWei }: Extract<BidDecision, { ok: true }>,
  ): void {
    const { prover, pricing } = this.#options;
    const others = entry.bids.filter(({ message }) => message.prover !== prover);
    const input = clearingInput(this.#state, round, others, entry.asOfMs);
    const result = clear({ ...input, candidates: [...input.candidates, this.#candidate(round, bid, entry.asOfMs)] });
    dry.explanation = result.explanations.at(-1)!;
    for (const award of result.awards) this.#award(award, dry, bid, costWei);
    if (pricing.strategy !== 'adaptive' || request.pricing !== 'first') return;
    const signed = (message: Bid) => ({ message, signature: `0x${'00'.repeat(65)}` as const });
    const bids = [...input.candidates.map((one) => one.bid), bid].map(signed);
    this.#cleared.learn(round.circuitId, { ...clearingOf(result), bids }, prover, round.maxPriceWei);
  }

  #candidate(round: Round, bid: Bid, nowMs: number): Candidate {
    const { prover, stakeWei, slots } = this.#options;
    const state = this.#state;
    const parameters = pinnedParameters(state, round);
    const { request } = state.blocks.get(round.blockId)!;
    const record = state.records.get(recordKey(prover, round.circuitId));
    const known = state.provers.get(prover);
    const isAllowed = request.allowedOwners.length === 0 || request.allowedOwners.includes(prover);
    return {
      bid,
      owner: known?.owner ?? prover,
      freeWei: stakeWei,
      load: loadOf(this.#duties, slots),
      provingMsP95: provingMsP95(bid.provingMsP95, record, parameters),
      missPpm: missCurve(record, parameters, nowMs),
      isNewcomer: false,
      heldJobs: this.#duties.length,
      ineligible: known
        ? eligibility(state, prover, round.circuitId, request, parameters, nowMs)
        : isAllowed
          ? null
          : 'notAllowed',
    };
  }

  #award(award: Award, dry: DryRound, bid: Bid, costWei: bigint): void {
    const { prover } = this.#options;
    const { primary, backup, jobId, priceWei, standbyFeeWei } = award;
    const side = [primary, backup].find((one) => one?.prover === prover);
    if (!side) return;
    const standby = side !== primary;
    const { provingMsP95: provingMs, promisedMs } = side;
    const untilMs = standby ? null : side.freeFromMs + promisedMs;
    const bondWei = BigInt(side.bondWei);
    dry.bondsWei += bondWei;
    if (standby) {
      dry.backupJobs += 1;
      dry.earnedWei += BigInt(standbyFeeWei);
    } else {
      dry.primaryJobs += 1;
      dry.earnedWei += BigInt(priceWei);
      dry.costWei += costWei;
    }
    this.#duties.push({
      jobId,
      standby,
      provingMs,
      untilMs,
      bondWei,
      primary: primary.prover,
      round: dry,
      bid,
      costWei,
    });
  }

  /** A backup was called in the log: so would this one have been, behind the same primary. */
  #call(jobId: string): void {
    const duty = this.#duties.find((one) => one.jobId === jobId && one.standby);
    if (!duty || duty.primary !== this.#state.jobs.get(jobId)?.primary?.prover) return;
    duty.round.calledJobs += 1;
    duty.round.earnedWei += BigInt(duty.bid.priceWei);
    duty.round.costWei += duty.costWei;
  }

  #end(jobId: string): void {
    this.#duties = this.#duties.filter((duty) => !(duty.standby && duty.jobId === jobId));
  }
}

function clearingOf({ awards, unawarded, explanations }: ClearingResult) {
  return { awards, unawarded, explanations };
}
