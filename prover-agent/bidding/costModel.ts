import { appliesTo, type PriceOverride } from './priceOverride.js';

/** What an operator says of costs and prices. Amounts in wei, unless they are said to be in the operator's own money. */
export interface CostSettings {
  /** What a second of proving costs; not looked at when `weiPerMoney` is given. */
  pricePerSecondWei: bigint;
  /** A fixed price for a job instead of one by time. */
  priceWei: bigint | null;
  /** A fixed price to stand by for a job instead of one by its cost. */
  standbyWei: bigint | null;
  /** What a job costs however long it takes. */
  fixedWei: bigint;
  marginPercent: number;
  /** The least that is asked for a job. */
  minPriceWei: bigint;
  /** What one unit of the operator's money (a euro, say) is in wei; null: all costs are given in wei. */
  weiPerMoney: bigint | null;
  /** What the machine draws with all slots at work, beyond what it draws idle, and what a kWh costs. */
  powerWatts: number;
  moneyPerKwh: number;
  /** What hardware and rent cost a month, to be earned in the time that the machine is busy. */
  hardwarePerMonth: number;
  rentPerMonth: number;
  /** The share of its time that the machine is expected to prove. */
  busyPercent: number;
  overrides: Readonly<Record<string, PriceOverride>>;
}

/** Costs that apply when nothing else is said: those of an agent that only knows a price by time. */
export const PLAIN_COSTS: CostSettings = {
  pricePerSecondWei: 1_000_000_000_000n,
  priceWei: null,
  standbyWei: null,
  fixedWei: 0n,
  marginPercent: 0,
  minPriceWei: 0n,
  weiPerMoney: null,
  powerWatts: 0,
  moneyPerKwh: 0,
  hardwarePerMonth: 0,
  rentPerMonth: 0,
  busyPercent: 5,
  overrides: {},
};

/** The work that a price is asked for. */
export interface PricedWork {
  circuitId: string;
  circuitName: string | null;
  /** Null while it is not known who asks. */
  requester: string | null;
  /** What is promised for a zkProof, in milliseconds: the market counts so much of this prover's time as taken. */
  promisedMs: number;
  slots: number;
}

/** What a job costs this prover and what it asks, in wei. */
export interface JobPrices {
  /** Never bid below. */
  costWei: bigint;
  /** The part of the cost that is not spent when nothing is proven. */
  energyWei: bigint;
  /** Cost and margin, at least the minimum. */
  priceWei: bigint;
}

const JOULE_PER_KWH = 3_600_000n;
const SECONDS_PER_MONTH = 2_592_000n;
/** Decimal places of watts and of the operator's money that count. */
const MICRO = 1_000_000n;

/**
 * What a job costs and what is asked for it. Pure; everything is rounded up, so that no price is below its cost.
 * A fixed price stands for cost and margin both: whoever names one has done the sum.
 */
export function pricesOf(settings: CostSettings, work: PricedWork): JobPrices {
  const own = withOverrides(settings, work);
  const { perSecondWei, energyPerSecondWei } = ratesOf(own, work.slots);
  const ms = BigInt(work.promisedMs);
  const energyWei = (energyPerSecondWei * ms) / 1_000n;
  if (own.priceWei !== null) {
    const costWei = most(own.priceWei, own.minPriceWei);
    return { costWei, energyWei: least(energyWei, costWei), priceWei: costWei };
  }
  const costWei = most(own.fixedWei + up(perSecondWei * ms, 1_000n), own.minPriceWei);
  const marginBps = BigInt(Math.round(own.marginPercent * 100));
  const priceWei = up(costWei * (10_000n + marginBps), 10_000n);
  return { costWei, energyWei, priceWei };
}

/** Costs of a second on one slot, in wei; energy is part of the whole. */
export function ratesOf(settings: CostSettings, slots: number): { perSecondWei: bigint; energyPerSecondWei: bigint } {
  const { weiPerMoney } = settings;
  if (weiPerMoney === null) return { perSecondWei: settings.pricePerSecondWei, energyPerSecondWei: 0n };
  const energy = micro(settings.powerWatts) * micro(settings.moneyPerKwh) * weiPerMoney;
  const energyPerSecondWei = up(energy, JOULE_PER_KWH * MICRO * MICRO * BigInt(slots));
  const standing = (micro(settings.hardwarePerMonth) + micro(settings.rentPerMonth)) * weiPerMoney * 10_000n;
  const busyBps = BigInt(Math.round(settings.busyPercent * 100));
  const standingWei = up(standing, SECONDS_PER_MONTH * MICRO * busyBps * BigInt(slots));
  return { perSecondWei: energyPerSecondWei + standingWei, energyPerSecondWei };
}

/** The settings with what is said of this circuit and this requester; what says more of the work counts. */
export function withOverrides(settings: CostSettings, work: PricedWork): CostSettings {
  const fitting = Object.values(settings.overrides).filter((one) => appliesTo(one, work));
  fitting.sort((a, b) => weightOf(a) - weightOf(b));
  let own = settings;
  for (const { circuit: _, requester: __, ...said } of fitting) {
    const named = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
    // A price by time that is said of some work takes the place of costs in money and of a fixed price there.
    if (said.pricePerSecondWei !== undefined) own = { ...own, weiPerMoney: null, priceWei: null };
    own = { ...own, ...named };
  }
  return own;
}

/** Who asks says more of a job than what is asked for; both together say most. */
function weightOf({ circuit, requester }: PriceOverride): number {
  return (circuit === undefined ? 0 : 1) + (requester === undefined ? 0 : 2);
}

/** Integer division, rounded up. */
export function up(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

export function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function micro(value: number): bigint {
  return BigInt(Math.round(value * Number(MICRO)));
}
