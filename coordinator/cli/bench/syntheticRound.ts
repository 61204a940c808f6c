/** Rounds made up from a seed, for measuring the clearing: heavy-tailed speeds and costs, records of every kind. */
import type { Candidate, ClearingInput } from '#market/clear.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import type { Address } from '#protocol/units.js';
import { normal, unit } from '../../simulator/mechanisms/draws.js';

const NOW_MS = 1_800_000_000_000;
const GWEI = 1_000_000_000n;
const MAX_PRICE_WEI = 2_000_000n * GWEI;

/** What a round is made of. */
export interface RoundShape {
  jobs: number;
  bids: number;
  /** Bids of one owner. */
  bidsPerOwner: number;
  /** Most jobs that one bid takes; 10,000 for as many as fit. */
  maxJobs: number;
  /** From the clearing to the deadline, in seconds. */
  timeSec: number;
  policy?: Partial<ClearingInput['policy']>;
  newcomers?: boolean;
}

/** Makes up a round; the same one for the same seed. */
export function syntheticRound(seed: number, shape: RoundShape): ClearingInput {
  return {
    jobIds: Array.from({ length: shape.jobs }, (_, at) => `0x${'ab'.repeat(32)}.${at}`),
    deadlineMs: NOW_MS + shape.timeSec * 1_000,
    maxPriceWei: MAX_PRICE_WEI,
    requestMaxPriceWei: MAX_PRICE_WEI,
    missCostWei: 1_000_000n * GWEI,
    policy: {
      backup: 'market',
      award: 'cheapest',
      pricing: 'vickrey',
      minSuccessPpm: 0,
      maxOwnerShareBps: 10_000,
      ...shape.policy,
    },
    candidates: Array.from({ length: shape.bids }, (_, at) => candidateOf(seed, at, shape)),
    nowMs: NOW_MS,
    tieSeed: new Uint8Array(32).fill(seed & 255),
    parameters: DEFAULT_PARAMETERS,
  };
}

function candidateOf(seed: number, at: number, { bidsPerOwner, maxJobs, newcomers }: RoundShape): Candidate {
  const provingMsP95 = Math.ceil(20_000 * Math.exp(0.5 * normal(seed, 'speed', at)));
  const priceWei = BigInt(Math.ceil(100_000 * Math.exp(0.5 * normal(seed, 'cost', at)))) * GWEI;
  const slots = 1 + Math.floor(4 * unit(seed, 'slots', at) ** 3);
  const failing = 0.3 * unit(seed, 'failing', at);
  const slow = 0.1 * unit(seed, 'slow', at);
  const busyMs = unit(seed, 'busy', at) < 0.3 ? Math.ceil(provingMsP95 * 3 * unit(seed, 'load', at)) : 0;
  return {
    bid: {
      roundId: `0x${'ab'.repeat(32)}.r0`,
      prover: addressOf(at + 1),
      priceWei: String(priceWei < MAX_PRICE_WEI ? priceWei : MAX_PRICE_WEI),
      standbyWei: String((priceWei * BigInt(20 + Math.floor(80 * unit(seed, 'standby', at)))) / 1_000n),
      maxJobs,
      maxConcurrent: slots,
      provingMsP95,
      expiresAtMs: NOW_MS + 60_000,
      salt: `0x${'00'.repeat(32)}`,
    },
    owner: addressOf(1_000_000 + Math.floor(at / bidsPerOwner)),
    freeWei: 10_000n * MAX_PRICE_WEI,
    load: { runningMs: busyMs, standbyMs: busyMs >> 1, slots },
    provingMsP95,
    missPpm: [1, 0.7, 0.5, 0.3, 0.1, 0].map((share) => Math.ceil(1_000_000 * (failing + slow * share))),
    isNewcomer: newcomers === true && unit(seed, 'newcomer', at) < 0.2,
    heldJobs: 0,
    ineligible: null,
  };
}

function addressOf(number: number): Address {
  return `0x${number.toString(16).padStart(40, '0')}`;
}
