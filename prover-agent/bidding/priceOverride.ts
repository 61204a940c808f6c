import type { PricedWork } from './costModel.js';

/** What is asked otherwise of one circuit, of one requester, or of both together; what is left out stays as it is. */
export interface PriceOverride {
  /** A circuit's id or name. */
  circuit?: string | undefined;
  requester?: string | undefined;
  pricePerSecondWei?: bigint | undefined;
  priceWei?: bigint | undefined;
  standbyWei?: bigint | undefined;
  fixedWei?: bigint | undefined;
  marginPercent?: number | undefined;
  minPriceWei?: bigint | undefined;
}

/** Whether an override speaks of this work. One of a requester does not while it is unknown who asks. */
export function appliesTo(
  { circuit, requester }: PriceOverride,
  work: Omit<PricedWork, 'promisedMs' | 'slots'>,
): boolean {
  const isCircuit = circuit === undefined || circuit === work.circuitId || circuit === work.circuitName;
  return isCircuit && (requester === undefined || requester === work.requester);
}

/** Which work the operator wants. Circuits by id or name, requesters by address; null: all. */
export interface WantedWork {
  allowCircuits: readonly string[] | null;
  denyCircuits: readonly string[];
  allowRequesters: readonly string[] | null;
  denyRequesters: readonly string[];
}

export const ANY_WORK: WantedWork = {
  allowCircuits: null,
  denyCircuits: [],
  allowRequesters: null,
  denyRequesters: [],
};

/** Why work is not wanted, in a sentence; null when it is. A requester that is not known yet is not judged. */
export function whyUnwanted(
  wanted: WantedWork,
  { circuitId, circuitName, requester }: Omit<PricedWork, 'promisedMs' | 'slots'>,
): string | null {
  const isNamed = (list: readonly string[]) => list.some((one) => one === circuitId || one === circuitName);
  if (isNamed(wanted.denyCircuits)) return `circuit ${circuitName ?? circuitId} is on the list of denied circuits`;
  if (wanted.allowCircuits && !isNamed(wanted.allowCircuits)) {
    return `circuit ${circuitName ?? circuitId} is not on the list of allowed circuits`;
  }
  if (requester === null) return null;
  if (wanted.denyRequesters.includes(requester)) return `requester ${requester} is on the list of denied requesters`;
  if (wanted.allowRequesters && !wanted.allowRequesters.includes(requester)) {
    return `requester ${requester} is not on the list of allowed requesters`;
  }
  return null;
}
