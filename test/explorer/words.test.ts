import { describe, expect, it } from 'vitest';
import { activationCauseSchema, ENTRY_SCHEMAS, poolCauseSchema } from '#protocol/entries.js';
import { expiryReasonSchema, noAwardReasonSchema } from '#protocol/escalation.js';
import { postingSchema } from '#protocol/ledger.js';
import { giveUpReasonSchema } from '#protocol/messages.js';
import { ProverNames } from '../../coordinator/explorer/page/data/proverNames.js';
import { entryTitle } from '../../coordinator/explorer/page/parts/entryTitles.js';
import { formatMoney, moneyFormat } from '../../coordinator/explorer/page/parts/money.js';
import { causeInWords, inWords } from '../../coordinator/explorer/page/parts/words.js';

describe('the words of the explorer', () => {
  it.each(Object.keys(ENTRY_SCHEMAS))('say what %s means', (type) => {
    expect(entryTitle(type)).not.toMatch(/does not know/);
  });

  it('say of a type that is not in the table that the page does not know it', () => {
    for (const type of ['somethingNew', 'toString', '__proto__']) expect(entryTitle(type)).toMatch(/does not know/);
  });

  it.each([
    ...postingSchema.shape.why.options,
    ...noAwardReasonSchema.options,
    ...expiryReasonSchema.options,
    ...poolCauseSchema.options,
    ...giveUpReasonSchema.options,
  ])('are no bare code for %s', (code) => {
    expect(inWords(code)).toMatch(/ |^(deposit|refund)$/);
  });

  it.each(activationCauseSchema.options)('say why a backup was called by %s', (cause) => {
    expect(causeInWords(cause)).toMatch(/^(the primary|at its)/);
  });
});

describe('amounts of money', () => {
  const ETH = 10n ** 18n;

  it('keep one unit a column, and are not hidden by one that is far larger', () => {
    const even = moneyFormat([ETH, ETH / 20n, 0n]);
    expect([ETH, ETH / 20n, 0n].map(even.text)).toEqual(['1.00000', '0.05000', '0.00000']);
    const uneven = moneyFormat([ETH, ETH / 2n, 10n ** 58n]);
    expect(uneven.full(ETH / 2n)).toBe('0.50000 ETH');
    expect(uneven.full(10n ** 58n)).toBe('1.00000×10⁴⁰ ETH');
  });

  it('are exact where they are small, and signed', () => {
    expect(formatMoney(0n)).toBe('0 wei');
    expect(formatMoney(-1_234_567n)).toBe('\u22121\u202f234\u202f567 wei');
    expect(formatMoney(-(10n ** 58n))).toBe('\u22121.00000×10⁴⁰ ETH');
    expect(formatMoney(10n ** 60n)).toBe('1.00000×10⁴² ETH');
  });
});

describe('names of provers', () => {
  const [one, two, three] = ['1', '2', '3'].map((digit) => `0x${digit.repeat(40)}` as const) as [`0x1`, `0x2`, `0x3`];
  const named = (...list: [`0x${string}`, string][]) =>
    new ProverNames(list.map(([prover, name]) => ({ prover, name, owner: prover, registeredAtMs: 1 })));

  it('stand alone only where they tell provers apart', () => {
    const names = named([one, 'Ada'], [two, 'Bob'], [three, 'ada ']);
    expect(names.textOf(two)).toBe('Bob');
    expect(names.textOf(one)).toBe('Ada 0x1111…1111');
    expect(names.textOf(three)).toBe('ada  0x3333…3333');
  });

  it('never pass for the address of another', () => {
    expect(named([one, '0x2222…2222']).of(one)).toEqual({ name: '0x2222…2222', id: '0x1111…1111' });
    expect(named([one, '０x2222…2222']).of(one).id).toBe('0x1111…1111');
    expect(named().of(two)).toEqual({ name: null, id: '0x2222…2222' });
  });
});
