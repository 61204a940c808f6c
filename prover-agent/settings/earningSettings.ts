import { setting, weiAmount, wholeNumber } from './setting.js';

/** What the agent asks and what it holds back: `[price]` and `[limits]`. Changes count at once. */
export const EARNING_SETTINGS = {
  pricePerSecondWei: setting(
    {
      key: 'price.per_second_wei',
      flag: '--price-per-second-wei <wei>',
      says: 'Price by promised second of proving, in wei.',
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
      defaultText: 'price / 20',
      example: '250_000_000_000',
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
