import { type Simulation, type SimulationOptions, simulateMarket } from './simulateMarket.js';

/** A seed in which something happened that never may. */
export interface FaultFound {
  seed: number;
  violations: string[];
}

/** What a search over many seeds has seen. */
export interface FaultSearch {
  seeds: number;
  /** Things that happened in virtual time, over all seeds. */
  events: number;
  entries: number;
  simulatedMs: number;
  found: FaultFound[];
  /** How often each fault, each behaviour and each ending came up, by name. */
  counts: Map<string, number>;
}

/**
 * Runs seeds one after the other.
 *
 * @param from - the first seed
 * @param seeds - how many
 * @param onSeed - called after each, with what was seen so far
 */
export function searchFaults(
  from: number,
  seeds: number,
  options: SimulationOptions = {},
  onSeed: (search: FaultSearch, last: Simulation) => void = () => {},
): FaultSearch {
  const search: FaultSearch = { seeds: 0, events: 0, entries: 0, simulatedMs: 0, found: [], counts: new Map() };
  for (let seed = from; seed < from + seeds; seed += 1) {
    const run = simulateMarket(seed, options);
    search.seeds += 1;
    search.events += run.events;
    search.entries += run.leaves.length;
    search.simulatedMs += run.simulatedMs;
    if (run.violations.length > 0) search.found.push({ seed, violations: run.violations });
    for (const [what, times] of run.counts) search.counts.set(what, (search.counts.get(what) ?? 0) + times);
    onSeed(search, run);
  }
  return search;
}
