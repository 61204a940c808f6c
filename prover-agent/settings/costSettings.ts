import { z } from 'zod';
import { addressSchema } from '#protocol/units.js';
import { number, setting, weiAmount } from './setting.js';

/** Most overrides of prices. */
const OVERRIDES_MAX = 64;

/** Most of any sum in the operator's own money. */
const MONEY_MAX = 1_000_000_000;

/** What is said otherwise of a circuit, a requester, or both; the file's spelling becomes that of the program. */
const overrideSchema = z
  .strictObject({
    circuit: z.string().min(1).max(66).optional(),
    requester: addressSchema.optional(),
    per_second_wei: weiAmount().optional(),
    job_wei: weiAmount().optional(),
    standby_wei: weiAmount().optional(),
    fixed_wei: weiAmount().optional(),
    margin_percent: number(0, 10_000).optional(),
    min_wei: weiAmount().optional(),
  })
  .refine(({ circuit, requester }) => circuit !== undefined || requester !== undefined, {
    error: 'must name a circuit, a requester, or both',
  })
  .transform((one) => ({
    circuit: one.circuit,
    requester: one.requester,
    pricePerSecondWei: one.per_second_wei,
    priceWei: one.job_wei,
    standbyWei: one.standby_wei,
    fixedWei: one.fixed_wei,
    marginPercent: one.margin_percent,
    minPriceWei: one.min_wei,
  }));

/** What work costs, in wei or in the operator's own money: `[cost]`, and what is added to it: `[price]`. */
export const COST_SETTINGS = {
  fixedWei: setting(
    {
      key: 'price.fixed_wei',
      flag: '--fixed-wei <wei>',
      says: 'What a job costs however long it takes, in wei.',
      example: '100_000_000_000',
      isLive: true,
    },
    weiAmount().default(0n),
  ),
  marginPercent: setting(
    { key: 'price.margin_percent', flag: '--margin <percent>', says: 'Added to the cost, in percent.', isLive: true },
    number(0, 10_000).default(0),
  ),
  minPriceWei: setting(
    {
      key: 'price.min_wei',
      flag: '--min-price-wei <wei>',
      says: 'The least total price of a job, in wei.',
      example: '2_000_000_000_000',
      isLive: true,
    },
    weiAmount().default(0n),
  ),
  weiPerMoney: setting(
    {
      key: 'cost.wei_per_money',
      says: 'What one unit of your money (a euro, say) is in wei. When given, a second costs what the lines below come to.',
      defaultText: 'costs are those of `[price]`',
      example: '400_000_000_000_000',
      isLive: true,
    },
    weiAmount().nullable().default(null),
  ),
  powerWatts: setting(
    {
      key: 'cost.power_watts',
      says: 'What the machine draws with all slots at work, beyond what it draws idle, in watts.',
      isLive: true,
    },
    number(0, 1_000_000).default(0),
  ),
  moneyPerKwh: setting(
    { key: 'cost.money_per_kwh', says: 'Price of a kilowatt-hour, in your money.', isLive: true },
    number(0, MONEY_MAX).default(0),
  ),
  hardwarePerMonth: setting(
    {
      key: 'cost.hardware_per_month',
      says: 'What the hardware loses in worth in a month (30 days), in your money.',
      isLive: true,
    },
    number(0, MONEY_MAX).default(0),
  ),
  rentPerMonth: setting(
    { key: 'cost.rent_per_month', says: 'Rent, connection and the like of a month, in your money.', isLive: true },
    number(0, MONEY_MAX).default(0),
  ),
  busyPercent: setting(
    {
      key: 'cost.busy_percent',
      flag: '--busy <percent>',
      says: 'The share of its time that you expect the machine to prove: hardware and rent are earned in that time, and so likely a slot kept free for standing by would have been sold.',
      isLive: true,
    },
    number(0.1, 100).default(5),
  ),
  overrides: setting(
    {
      key: 'price.overrides',
      says: 'Other prices for a circuit, a requester, or both, each a table under a name of its own with `circuit`, `requester` and any of `per_second_wei`, `job_wei`, `standby_wei`, `fixed_wei`, `margin_percent`, `min_wei`. What says more of a job counts.',
      range: `up to ${OVERRIDES_MAX} tables`,
      defaultText: 'none',
      example: '[price.overrides.friend]\nrequester = "0x1f9840a85d5af5bf1d1762f925bdaddc4201f984"\nmargin_percent = 0',
      isLive: true,
    },
    z
      .record(z.string().min(1).max(64), overrideSchema)
      .refine((all) => Object.keys(all).length <= OVERRIDES_MAX, { error: `must be at most ${OVERRIDES_MAX} tables` })
      .default({}),
  ),
};
