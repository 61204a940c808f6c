/** Amounts of wei and spans of time for people. Pure. */

const UNITS = [
  { name: 'ETH', digits: 18 },
  { name: 'gwei', digits: 9 },
] as const;

/** An amount of wei with three or four significant digits, in the unit that keeps it short: `0.00315 ETH`, `12 wei`. */
export function weiText(wei: string | bigint | null): string {
  if (wei === null) return '?';
  const amount = BigInt(wei);
  const size = amount < 0n ? -amount : amount;
  const sign = amount < 0n ? '-' : '';
  for (const { name, digits } of UNITS) {
    if (size >= 10n ** BigInt(digits - 4)) return `${sign}${decimal(size, digits)} ${name}`;
  }
  return `${sign}${size} wei`;
}

/** A decimal fraction with at most four digits that say something, without trailing zeros. */
function decimal(size: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits);
  const whole = size / scale;
  const fraction = (size % scale).toString().padStart(digits, '0');
  const kept = Math.max(0, 4 - (whole === 0n ? 0 : whole.toString().length));
  const leading = whole === 0n ? fraction.length - fraction.replace(/^0+/, '').length : 0;
  const shown = fraction.slice(0, leading + kept).replace(/0+$/, '');
  return shown ? `${whole}.${shown}` : `${whole}`;
}

/** A span of time: `850 ms`, `12.3 s`, `5 min`, `3 h`, `2 days`. */
export function spanText(ms: number): string {
  const size = Math.max(0, ms);
  if (size < 1_000) return `${Math.round(size)} ms`;
  if (size < 100_000) return `${(size / 1_000).toFixed(1)} s`;
  if (size < 6_000_000) return `${Math.round(size / 60_000)} min`;
  if (size < 172_800_000) return `${Math.round(size / 3_600_000)} h`;
  return `${Math.round(size / 86_400_000)} days`;
}

/** An address, a job or a round, cut to what tells it from others on a screen. */
export function shortId(id: string | null): string {
  if (!id) return '?';
  const [head = '', ...rest] = id.split('.');
  const short = head.length > 12 ? `${head.slice(0, 6)}..${head.slice(-4)}` : head;
  return [short, ...rest].join('.');
}
