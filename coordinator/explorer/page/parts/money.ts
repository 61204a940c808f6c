/** Money as people read it: one unit and one number of decimals a column, the exact wei beside it. */

const UNITS = [
  { name: 'ETH', digits: 18 },
  { name: 'gwei', digits: 9 },
  { name: 'wei', digits: 0 },
] as const;

/** Significant digits of the largest amount of a column. */
const SIGNIFICANT = 6;

export interface MoneyFormat {
  unit: string;
  /** In this unit, without its name. */
  text: (wei: bigint | string) => string;
  /** In this unit, with its name. */
  full: (wei: bigint | string) => string;
  number: (wei: bigint | string) => number;
}

/** How many times the one in the middle an amount may be and still choose the unit of a column. */
const APART_MAX = 1_000_000n;

/** Digits of wei from which on an amount is written with a power of ten: no column holds 43 digits. */
const PLAIN_DIGITS_MAX = 30;

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/**
 * The format for amounts that are to be compared: chosen by the largest of them, unless that is so far from the others
 * that they would all read as zero.
 */
export function moneyFormat(amounts: readonly (bigint | string)[]): MoneyFormat {
  const largest = sizes(amounts).at(-1) ?? 0n;
  const middle = middleOf(amounts);
  return formatFor(largest > middle * APART_MAX ? middle : largest);
}

/** The format for amounts of all sizes: chosen by the one in the middle, so that one large one hides no others. */
export function mixedMoneyFormat(amounts: readonly (bigint | string)[]): MoneyFormat {
  return formatFor(middleOf(amounts));
}

/** The one in the middle of those that are not zero. */
function middleOf(amounts: readonly (bigint | string)[]): bigint {
  const sorted = sizes(amounts).filter((one) => one > 0n);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0n;
}

function sizes(amounts: readonly (bigint | string)[]): bigint[] {
  return amounts.map((one) => absolute(BigInt(one))).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function formatFor(amount: bigint): MoneyFormat {
  const length = amount.toString().length;
  const unit = length > 17 ? UNITS[0] : length > 7 ? UNITS[1] : UNITS[2];
  const decimals = Math.min(unit.digits, Math.max(0, SIGNIFICANT - Math.max(1, length - unit.digits)));
  const text = (wei: bigint | string) =>
    absolute(BigInt(wei)).toString().length > PLAIN_DIGITS_MAX
      ? raised(BigInt(wei), unit.digits)
      : fixed(BigInt(wei), unit.digits, decimals);
  return {
    unit: unit.name,
    text,
    full: (wei) => `${text(wei)} ${unit.name}`,
    number: (wei) => Number(BigInt(wei)) / 10 ** unit.digits,
  };
}

/** One amount by itself. */
export function formatMoney(wei: bigint | string): string {
  return moneyFormat([wei]).full(wei);
}

function absolute(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}

/** `9.33333×10⁴⁰`: cut, not rounded, after the last significant digit. */
function raised(wei: bigint, digits: number): string {
  const text = absolute(wei).toString();
  const power = String(text.length - 1 - digits).replace(/\d/g, (digit) => RAISED[Number(digit)]!);
  return `${wei < 0n ? '\u2212' : ''}${text[0]}.${text.slice(1, SIGNIFICANT)}×10${power}`;
}

/** Rounds to the nearest, half away from zero; groups thousands by a thin space. */
function fixed(wei: bigint, digits: number, decimals: number): string {
  const cut = 10n ** BigInt(digits - decimals);
  const rounded = (absolute(wei) + cut / 2n) / cut;
  const text = rounded.toString().padStart(decimals + 1, '0');
  const whole = text.slice(0, text.length - decimals).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const rest = decimals === 0 ? '' : `.${text.slice(-decimals)}`;
  return `${wei < 0n && rounded > 0n ? '\u2212' : ''}${whole}${rest}`;
}
