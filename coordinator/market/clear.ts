/**
 * Clearing: who proves each job of a round, who stands by, and at what price. See ARCHITECTURE.md, "Clearing".
 *
 * The sum over all jobs of the least expected cost C to the requester is sought among
 *
 *     primary i, backup j (another owner), start t   C = b_i + s_j + q_i(t) b_j + q_i(t) r_j(t) L
 *     primary i alone                                C = b_i + q_i(D) L
 *     nobody                                         C = L
 *
 * with b, s the prices to prove and to stand by, q and r the chances of a miss by the record, L the cost of a miss. The
 * jobs of a round are alike, so only what its seats have won before tells them apart.
 */
import type { Award } from '#protocol/entries.js';
import type { NoAwardReason } from '#protocol/escalation.js';
import type { Explanation, Ineligible } from '#protocol/explanations.js';
import type { Bid, BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address } from '#protocol/units.js';
import { awardsOf } from './clearing/awards.js';
import { explainAll } from './clearing/explain.js';
import { seatAll, seatsOf } from './clearing/seat.js';
import { sell } from './clearing/sell.js';
import { termsOf } from './clearing/terms.js';
import { whyUnsold } from './clearing/whyUnsold.js';
import type { Load } from './load.js';

/** A bid with what the market's record says of its prover. */
export interface Candidate {
  bid: Bid;
  owner: Address;
  /** Free money that can be locked as bonds, in wei. */
  freeWei: bigint;
  /** Committed load of all rounds before this one. */
  load: Load;
  /** The larger of promised and measured. */
  provingMsP95: number;
  /** Chance of a miss, in parts per million, at each point of the grid `latenessPct`; never rises. */
  missPpm: readonly number[];
  /** Fewer accepted zkProofs of the circuit than the market asks for. */
  isNewcomer: boolean;
  /** Jobs that it holds in all rounds before this one, of either kind. */
  heldJobs: number;
  ineligible: Ineligible | null;
}

export interface ClearingInput {
  jobIds: string[];
  deadlineMs: number;
  /** The most that this round pays for a job. */
  maxPriceWei: bigint;
  /** The most that the request pays in any round: what bonds are made for. */
  requestMaxPriceWei: bigint;
  missCostWei: bigint;
  policy: Pick<BlockRequest, 'backup' | 'award' | 'pricing' | 'minSuccessPpm' | 'maxOwnerShareBps'>;
  /** In any order, no two of one prover. */
  candidates: Candidate[];
  nowMs: number;
  tieSeed: Uint8Array;
  parameters: Pick<Parameters, 'deliveryMarginMs' | 'lateDamageBps' | 'latenessPct'>;
}

export interface ClearingResult {
  awards: Award[];
  unawarded: { jobId: string; reason: NoAwardReason }[];
  /** What became of each candidate, in their order. */
  explanations: Explanation[];
}

/**
 * Clears a round. Pure: an auditor who replays it gets the same awards.
 * @returns an award for the first jobs of `jobIds`, in the order in which they were sold, a reason for all others, and
 *   an explanation for each candidate
 */
export function clear(input: ClearingInput): ClearingResult {
  const terms = termsOf(input);
  const seats = seatsOf(input.candidates, input.tieSeed);
  seatAll(seats, terms);
  const { jobIds } = input;
  const { floor, sold, absence } = sell(seats, jobIds.length, terms, input.policy.pricing);
  const reason = sold.length < jobIds.length ? whyUnsold(floor) : null;
  const explained = explainAll(floor, sold, jobIds.length);
  const explanations = input.candidates.map((candidate) => explained.get(candidate)!);
  const awards = awardsOf(jobIds, sold, absence, terms);
  const unawarded = jobIds.slice(sold.length).map((jobId) => ({ jobId, reason: reason! }));
  return { awards, unawarded, explanations };
}
