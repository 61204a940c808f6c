/** Who proves: provers with heavy-tailed speeds and costs, some of them unreliable, some of them in one cloud region. */
import { normal, normalShare, unit } from './draws.js';
import { DURATION_SIGMA, MEDIAN_COST_WEI, MEDIAN_PROVING_MS, type Scenario } from './scenario.js';

export interface Prover {
  index: number;
  /** The prover on whose machine it runs: itself, unless it is somebody's second identity. */
  machine: number;
  address: `0x${string}`;
  owner: number;
  ownerAddress: `0x${string}`;
  region: number;
  slots: number;
  /** Median of its proving times, in milliseconds. */
  medianMs: number;
  /** What it promises: the 95th percentile of its proving times. */
  promisedMs: number;
  costWeiPerMs: number;
  /** Chance that it loses a job: never heard of again. */
  failing: number;
  /** Cost of keeping a slot ready for one job. */
  standbyCostWei: number;
}

const SPEED_SIGMA = 0.5;
const COST_SIGMA = 0.5;
/** A prover twice as fast costs this power of two more per second. */
const COST_OF_SPEED = 0.8;
const PARETO_ALPHA = 2.2;
const Z_95 = 1.6449;
/** Keeping a slot ready costs this share of proving: the default of the agent's standby price. */
const STANDBY_SHARE = 0.05;
const REGION_ENDS = [0.4, 0.75, 1];
const PROVER_ADDRESSES = 0x1000_0000;
const OWNER_ADDRESSES = 0x2000_0000;

/** Draws the provers of a seed: the same for every mechanism and every load. */
export function drawProvers(scenario: Scenario, seed: number): Prover[] {
  const provers = Array.from({ length: scenario.provers }, (_, index) => drawProver(scenario, seed, index));
  const twin = scenario.secondIdentityOf === null ? undefined : provers[scenario.secondIdentityOf];
  return twin ? [...provers, secondIdentity(twin, scenario)] : provers;
}

/** The same machine under another name and another owner: no slot of its own is kept ready. */
function secondIdentity(twin: Prover, { provers }: Scenario): Prover {
  const owner = twin.owner + provers;
  return {
    ...twin,
    index: provers,
    address: addressOf(PROVER_ADDRESSES + provers),
    owner,
    ownerAddress: addressOf(OWNER_ADDRESSES + owner),
    standbyCostWei: 0,
  };
}

function drawProver(scenario: Scenario, seed: number, index: number): Prover {
  const slowness = slownessOf(scenario, seed, index);
  const medianMs = Math.round(MEDIAN_PROVING_MS * slowness);
  const costPerMs = (MEDIAN_COST_WEI / MEDIAN_PROVING_MS) * slowness ** -COST_OF_SPEED;
  const costWeiPerMs = costPerMs * Math.exp(COST_SIGMA * normal(seed, 'cost', index));
  const around = 1 + scenario.failingSpread * (2 * unit(seed, 'failing', index) - 1);
  const owner = Math.floor(index / scenario.proversPerOwner);
  const home = unit(seed, 'region', index);
  return {
    index,
    machine: index,
    address: addressOf(PROVER_ADDRESSES + index),
    owner,
    ownerAddress: addressOf(OWNER_ADDRESSES + owner),
    region: REGION_ENDS.findIndex((end) => home < end),
    slots: 1 + Math.floor(2 * unit(seed, 'slots', index)),
    medianMs,
    promisedMs: Math.ceil(medianMs * Math.exp(Z_95 * DURATION_SIGMA)),
    costWeiPerMs,
    failing: Math.min(1, scenario.failing * around),
    standbyCostWei: Math.round(STANDBY_SHARE * costWeiPerMs * medianMs),
  };
}

function slownessOf({ speeds }: Scenario, seed: number, index: number): number {
  if (speeds === 'lognormal') return Math.exp(SPEED_SIGMA * normal(seed, 'speed', index));
  return (2 * unit(seed, 'speed', index)) ** (-1 / PARETO_ALPHA);
}

export function addressOf(number: number): `0x${string}` {
  return `0x${number.toString(16).padStart(40, '0')}`;
}

/** Expected cost of a whole proof, in wei. */
export function provingCostWei(prover: Prover): number {
  return prover.costWeiPerMs * prover.medianMs;
}

/**
 * The price at which a job leaves a prover neither gain nor loss: it works half of the time in vain when it fails, is not
 * paid then, and pays a penalty.
 */
export function breakEvenWei(prover: Prover, penaltyWei: number): number {
  const { failing } = prover;
  return Math.ceil((provingCostWei(prover) * (1 - failing / 2) + failing * penaltyWei) / (1 - failing));
}

/** True chance that a prover which starts a job delivers it within `availableMs`. */
export function deliveryChance(prover: Prover, availableMs: number): number {
  if (availableMs <= 0) return 0;
  return (1 - prover.failing) * normalShare(Math.log(availableMs / prover.medianMs) / DURATION_SIGMA);
}
