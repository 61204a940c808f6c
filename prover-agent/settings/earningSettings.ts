import { z } from 'zod';
import { addressSchema } from '#protocol/units.js';
import { STRATEGIES } from '../bidding/decideBid.js';
import { COST_SETTINGS } from './costSettings.js';
import { setting, weiAmount, wholeNumber } from './setting.js';

/** Most circuits or requesters of a list. */
const LIST_MAX = 256;

const circuitList = () =>
  z.array(z.string().min(1).max(66), { error: 'must be a list of circuits by id or name' }).max(LIST_MAX);
const requesterList = () =>
  z.array(addressSchema, { error: 'must be a list of addresses: 0x and 40 hexadecimal digits' }).max(LIST_MAX);
const LIST_RANGE = `up to ${LIST_MAX}`;

/** What the agent asks and what it holds back: `[price]` and `[limits]`. Changes count at once. */
export const EARNING_SETTINGS = {
  strategy: setting(
    {
      key: 'price.strategy',
      flag: '--strategy <name>',
      says: 'How prices are found: cost and margin, or, where each is paid its own bid, what cleared rounds teach; see [Earning](#earning).',
      isLive: true,
    },
    z
      .enum(STRATEGIES, { error: `must be ${STRATEGIES.map((one) => JSON.stringify(one)).join(' or ')}` })
      .default('cost-plus'),
  ),
  pricePerSecondWei: setting(
    {
      key: 'price.per_second_wei',
      flag: '--price-per-second-wei <wei>',
      says: 'What a promised second of proving costs, in wei; not looked at when `cost.wei_per_money` is given.',
      isLive: true,
    },
    weiAmount().default(1_000_000_000_000n),
  ),
  priceWei: setting(
    {
      key: 'price.job_wei',
      flag: '--price-wei <wei>',
      says: 'A fixed price for a job in wei, instead of one by time.',
      example: '5_000_000_000_000',
      isLive: true,
    },
    weiAmount().nullable().default(null),
  ),
  standbyWei: setting(
    {
      key: 'price.standby_wei',
      flag: '--standby-wei <wei>',
      says: 'Price to stand by for a job, in wei.',
      defaultText: 'from the cost of the slot kept free, see [Earning](#earning)',
      example: '250_000_000_000',
      isLive: true,
    },
    weiAmount().nullable().default(null),
  ),
  ...COST_SETTINGS,
  allowCircuits: setting(
    {
      key: 'work.allow_circuits',
      says: 'Prove these circuits only, by id or name.',
      range: LIST_RANGE,
      defaultText: 'all',
      example: '["transferRollup"]',
      isLive: true,
    },
    circuitList().nullable().default(null),
  ),
  denyCircuits: setting(
    {
      key: 'work.deny_circuits',
      says: 'Do not bid for these circuits.',
      range: LIST_RANGE,
      defaultText: 'none',
      example: '["slowCircuit"]',
      isLive: true,
    },
    circuitList().default([]),
  ),
  allowRequesters: setting(
    {
      key: 'work.allow_requesters',
      says: 'Work for these requesters only, by address.',
      range: LIST_RANGE,
      defaultText: 'all',
      example: '["0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"]',
      isLive: true,
    },
    requesterList().nullable().default(null),
  ),
  denyRequesters: setting(
    {
      key: 'work.deny_requesters',
      says: 'Do not work for these requesters.',
      range: LIST_RANGE,
      defaultText: 'none',
      example: '["0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"]',
      isLive: true,
    },
    requesterList().default([]),
  ),
  maxBondWei: setting(
    {
      key: 'limits.max_bond_wei',
      flag: '--max-bond-wei <wei>',
      says: 'The most that may be locked as bonds at once, by held jobs and by what open bids may win, in wei.',
      defaultText: 'all free money',
      example: '1_000_000_000_000_000',
      isLive: true,
    },
    weiAmount().nullable().default(null),
  ),
  finishMs: setting(
    {
      key: 'limits.finish_ms',
      flag: '--finish <ms>',
      says: 'At a stop, finish running work that takes no longer, in milliseconds; hand the rest back.',
      isLive: true,
    },
    wholeNumber(0, 3_600_000).default(10_000),
  ),
};
