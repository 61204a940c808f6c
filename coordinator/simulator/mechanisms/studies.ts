/** Studies of single provers that do not tell the truth, seed by seed: what they would have gained. */
import type { ClearingInput } from '#market/clear.js';
import { unit } from './draws.js';
import {
  type Gain,
  gainAsOwnBackup,
  gainsInRound,
  gainsOverMarket,
  type Lie,
  PRICE_LIES,
  type RoundGain,
  SPEED_LIES,
} from './lies.js';
import { OUR_POLICIES, type OurName } from './mechanisms.js';
import { OurMarket } from './ourMarket.js';
import { drawProvers } from './population.js';
import { BASE_SCENARIO, type Scenario } from './scenario.js';
import { SimMarket } from './simMarket.js';
import { type Estimate, estimate } from './statistics.js';
import { drawWorkload, type Length } from './workload.js';

export interface Study {
  /** `round`: one clearing, as the market expects it; `market`: everything that follows; `ownBackup`: two identities. */
  kind: 'round' | 'market' | 'ownBackup';
  title: string;
  scenario: Scenario;
  mechanism: OurName | 'second price';
  length: Length;
  seeds: number;
}

/** What one untruth brought one prover. */
export type StudyGain = Gain | RoundGain;

const ROUNDS_A_SEED = 12;
const OWNERS_A_ROUND = 6;
const LIARS_A_SEED = 3;

const LIES: readonly Lie[] = [...PRICE_LIES, ...SPEED_LIES];

/** The studies of a grid. @param seeds - how many markets each */
export function studiesOf(grid: 'small' | 'full', seeds?: number): Study[] {
  const length = { warmUpJobs: 200, measuredJobs: 400 };
  const study = (kind: Study['kind'], title: string, change: Partial<Scenario>, count: number): Study => {
    const scenario = { ...BASE_SCENARIO, ...change };
    return { kind, title, scenario, mechanism: 'vickrey + backup + pool', length, seeds: seeds ?? count };
  };
  // Rounds so small that the whole round is cleared exactly: a handful of bidders, blocks of one to three jobs.
  const small = { provers: 6, jobsPerBlock: 2, load: 0.3 };
  const rounds = [
    study('round', '6 owners, one job each', { ...small, jobsPerBid: 1 }, 6),
    study('round', '6 owners, many jobs each', { ...small, jobsPerBid: 8 }, 6),
    study('round', '30 owners, one job each', { jobsPerBid: 1 }, 6),
    study('round', '30 owners, many jobs each', {}, 6),
    study('round', '10 owners of 3 provers, many jobs each', { proversPerOwner: 3 }, 6),
  ];
  // Few provers, so that each has many jobs and its profit is not all luck.
  const ten = { provers: 10 };
  if (grid === 'small') return rounds.slice(0, 2).map((one) => ({ ...one, seeds: seeds ?? 2 }));
  return [
    ...rounds,
    study('market', 'one job a round each', { ...ten, jobsPerBid: 1 }, 16),
    study('market', 'many jobs a round each', ten, 16),
    { ...study('market', 'second price, many jobs each', ten, 16), mechanism: 'second price' },
    study('ownBackup', 'two identities, two owners', ten, 16),
  ];
}

/** Runs a study for one seed. */
export function runStudy(study: Study, seed: number): StudyGain[] {
  const { kind, scenario, mechanism, length } = study;
  if (kind === 'round') return gainsInRounds(study, seed);
  const liars = Array.from({ length: LIARS_A_SEED }, (_, index) =>
    Math.floor(unit(seed, 'liar', index) * scenario.provers),
  );
  if (kind === 'market') return gainsOverMarket(scenario, mechanism, seed, length, liars, LIES);
  return liars.flatMap((index) => {
    const { idle, ...joint } = gainAsOwnBackup(scenario, mechanism, seed, length, index);
    return Object.entries(joint).map(([what, wei]) => ({ what, gainWei: wei - idle, honestWei: idle }));
  });
}

/** Lies about prices in rounds of a market among honest bidders: of winners, and of others. */
function gainsInRounds({ scenario, mechanism, length }: Study, seed: number): StudyGain[] {
  const inputs = roundsOf(scenario, mechanism as OurName, seed, length);
  const step = Math.max(1, Math.floor(inputs.length / ROUNDS_A_SEED));
  return inputs
    .filter((_, index) => index % step === 0)
    .slice(0, ROUNDS_A_SEED)
    .flatMap((input, index) => {
      const owners = [...new Set(input.candidates.map(({ owner }) => owner))];
      const from = Math.floor(unit(seed, 'lying owners', index) * owners.length);
      const some = [...owners.slice(from), ...owners.slice(0, from)].slice(0, OWNERS_A_ROUND);
      return some.flatMap((owner) => gainsInRound(input, owner, PRICE_LIES));
    });
}

function roundsOf(scenario: Scenario, mechanism: OurName, seed: number, length: Length): ClearingInput[] {
  const provers = drawProvers(scenario, seed);
  const market = new SimMarket(scenario, seed, provers, drawWorkload(scenario, provers, seed, length));
  const ours = new OurMarket(market, OUR_POLICIES[mechanism]);
  const inputs: ClearingInput[] = [];
  ours.onClearing = (input) => inputs.push(input);
  market.run(ours);
  return inputs.slice(Math.floor(inputs.length / 3));
}

/** What an untruth brings. */
export interface StudyRow {
  what: string;
  tries: number;
  /** Mean gain as a share of the mean honest profit, with its interval over the seeds. */
  gain: Estimate;
  /** Share of the tries that gained more than {@link ROUNDING_WEI}. */
  gained: number;
  /** Largest gain of a try, in wei: over all, and where the max price bound nobody. */
  largestWei: number;
  largestUncappedWei: number;
}

/** Gains up to this are rounding: a price is rounded down to whole wei for each award. */
export const ROUNDING_WEI = 10;

/** Summarises a study. @param bySeed - gains of each seed */
export function summariseStudy(bySeed: readonly StudyGain[][]): StudyRow[] {
  const whats = [...new Set(bySeed.flat().map(({ what }) => what))];
  return whats.map((what) => {
    const seeds = bySeed.map((gains) => gains.filter((gain) => gain.what === what));
    const all = seeds.flat();
    const honest = Math.abs(mean(all.map(({ honestWei }) => honestWei)));
    const means = seeds.filter((gains) => gains.length > 0).map((gains) => mean(gains.map(({ gainWei }) => gainWei)));
    const uncapped = all.filter((gain) => !('capped' in gain && gain.capped));
    return {
      what,
      tries: all.length,
      gain: estimate(means.map((wei) => wei / honest)),
      gained: all.filter(({ gainWei }) => gainWei > ROUNDING_WEI).length / all.length,
      largestWei: Math.max(...all.map(({ gainWei }) => gainWei)),
      largestUncappedWei: Math.max(0, ...uncapped.map(({ gainWei }) => gainWei)),
    };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A study with what it showed. */
export interface StudySummary {
  study: Study;
  rows: StudyRow[];
}
