import type { Ineligible } from '#protocol/explanations.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import { needsChallenge } from './challenge.js';
import { scoreOf } from './score.js';
import { type MarketState, recordKey } from './state.js';

/**
 * The one place that says who may take part: win in the rounds of a request, and deliver its jobs from the pool. Yes or
 * no, from the log alone. The prover must be registered.
 *
 * @param circuitId - records are kept for each circuit
 * @param nowMs - Unix milliseconds: old outcomes do not count for ever
 * @returns null for whoever may
 */
export function eligibility(
  state: MarketState,
  prover: Address,
  circuitId: Hex,
  { allowedOwners }: Pick<BlockRequest, 'allowedOwners'>,
  parameters: Parameters,
  nowMs: number,
): Ineligible | null {
  const { owner } = state.provers.get(prover)!;
  if (allowedOwners.length > 0 && !allowedOwners.includes(owner)) return 'notAllowed';
  if (needsChallenge(state, prover, circuitId, parameters)) return 'notChallenged';
  const record = state.records.get(recordKey(prover, circuitId));
  return scoreOf(record, parameters, nowMs).isEligible ? null : 'belowScoreLine';
}
