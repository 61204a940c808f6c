import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClearingInput, clear } from '#market/clear.js';
import type { Explanation } from '#protocol/explanations.js';
import { candidate, NOW_MS, PLAIN, round, roundArbitrary } from './clearingRounds.js';

const explanationsOf = (input: ClearingInput): Explanation[] => clear(input).explanations;

describe('every bid of a round is explained', () => {
  const winner = candidate(0, { priceWei: 50n, missPpm: 0 });
  it.each<[string, ClearingInput, Explanation]>([
    ['won as primary', round([winner]), { code: 'wonPrimary', primaryJobs: 1 }],
    [
      'ineligible',
      round([candidate(0, { ineligible: 'belowScoreLine' })]),
      { code: 'ineligible', why: 'belowScoreLine' },
    ],
    [
      'above the max price',
      round([candidate(0, { priceWei: 1_001n })]),
      { code: 'aboveMaxPrice', priceWei: '1001', maxPriceWei: '1000' },
    ],
    [
      'not in time',
      round([candidate(0, { provingMsP95: 20_000, runningMs: 50_000 })]),
      { code: 'notInTime', finishMs: NOW_MS + 70_000, dueMs: NOW_MS + 60_000 },
    ],
    ['no bond', round([candidate(0, { freeWei: 199n })]), { code: 'noBond', needsWei: '2200', hasWei: '199' }],
    [
      'not worth it',
      round([candidate(0, { priceWei: 990n, missPpm: 100_000 })]),
      { code: 'notWorthIt', costWei: '1090', missCostWei: '1000' },
    ],
    [
      'a newcomer that holds a job',
      round([candidate(0, { isNewcomer: true, heldJobs: 1 }), winner].reverse()),
      { code: 'wonPrimary', primaryJobs: 1 },
    ],
  ])('%s', (_, input, explanation) => {
    expect(explanationsOf(input)[0]).toEqual(explanation);
  });

  it('a newcomer holds one job at a time', () => {
    const input = round([candidate(0, { isNewcomer: true, heldJobs: 1, priceWei: 1n }), candidate(1)]);
    expect(explanationsOf(input)[0]).toEqual({ code: 'newcomerHolds', heldJobs: 1 });
  });

  it('won as backup', () => {
    const unsure = [
      candidate(0, { priceWei: 10n, missPpm: 300_000 }),
      candidate(1, { priceWei: 300n, standbyWei: 2n }),
    ];
    expect(explanationsOf(round(unsure, 1, { missCostWei: 2_000n }))).toEqual([
      { code: 'wonPrimary', primaryJobs: 1 },
      { code: 'wonBackup', backupJobs: 1 },
    ]);
  });

  it('outbid, by how much', () => {
    const input = round([winner, candidate(1, { priceWei: 73n, missPpm: 0, standbyWei: 100n })]);
    expect(explanationsOf(input)[1]).toEqual({ code: 'outbid', seat: 'primary', byWei: '23' });
  });

  it('its owner has its share of the round', () => {
    const cheap = [0, 1].map((at) => candidate(at, { owner: 7, priceWei: 10n, maxJobs: 1, missPpm: 0 }));
    const input = round([...cheap, candidate(2, { priceWei: 500n, missPpm: 0 })], 2, {
      policy: { ...PLAIN, maxOwnerShareBps: 5_000 },
    });
    const codes = explanationsOf(input);
    expect(codes.filter(({ code }) => code === 'shareCap')).toEqual([{ code: 'shareCap', ownerJobs: 1, capJobs: 1 }]);
    expect(codes.filter(({ code }) => code === 'wonPrimary')).toHaveLength(2);
  });

  it('others met a demand that it does not meet', () => {
    const input = round(
      [candidate(0, { priceWei: 10n, missPpm: 200_000 }), candidate(1, { priceWei: 100n, missPpm: 0 })],
      1,
      {
        policy: { ...PLAIN, backup: 'none', minSuccessPpm: 900_000 },
      },
    );
    expect(explanationsOf(input)[0]).toEqual({ code: 'demandUnmet', unmet: ['success'] });
  });

  it('slower, where the fastest win', () => {
    const policy = { ...PLAIN, backup: 'none', award: 'fastest', pricing: 'first' } as const;
    const input = round([candidate(0, { provingMsP95: 9_000 }), candidate(1, { provingMsP95: 8_000 })], 1, { policy });
    expect(explanationsOf(input)[0]).toEqual({
      code: 'slower',
      finishMs: NOW_MS + 9_000,
      slowestMs: NOW_MS + 8_000,
    });
  });
});

describe('what an explanation says holds', () => {
  it('counts what was won, and only losers have another code', () => {
    const property = fc.property(roundArbitrary({ jobsMax: 8, provers: 8 }), (input) => {
      const { awards, explanations } = clear(input);
      input.candidates.forEach(({ bid: { prover } }, at) => {
        const primaryJobs = awards.filter(({ primary }) => primary.prover === prover).length;
        const backupJobs = awards.filter(({ backup }) => backup?.prover === prover).length;
        const said = explanations[at]!;
        expect(['primaryJobs' in said ? said.primaryJobs : 0, 'backupJobs' in said ? said.backupJobs : 0]).toEqual([
          primaryJobs,
          backupJobs,
        ]);
      });
    });
    fc.assert(property, { numRuns: 1_500 });
  });

  it('a bid that was outbid wins when it is so much cheaper, and not when it is a wei dearer than that', () => {
    let [tried, unbound] = [0, 0];
    const rounds = roundArbitrary({ jobsMax: 1, provers: 5 }).map((input) => ({
      ...input,
      policy: { ...PLAIN, backup: input.policy.backup },
    }));
    const property = fc.property(rounds, (input) => {
      explanationsOf(input).forEach((said, at) => {
        if (said.code !== 'outbid' || said.byWei === '0') return;
        const wins = (byWei: bigint) =>
          explanationsOf(cheaper(input, at, said.seat, byWei))?.[at]?.code.startsWith('won');
        const bidWei = BigInt(input.candidates[at]!.bid[said.seat === 'primary' ? 'priceWei' : 'standbyWei']);
        const byWei = BigInt(said.byWei);
        if (bidWei <= byWei) return;
        tried += 1;
        unbound += mayBind(input) ? 0 : 1;
        expect(wins(byWei + 1n)).toBe(true);
        // Under a max price that binds, a lower price also makes room for a backup.
        if (!mayBind(input)) expect(wins(byWei - 1n)).toBe(false);
      });
    });
    fc.assert(property, { numRuns: 3_000 });
    expect(tried).toBeGreaterThan(100);
    expect(unbound).toBeGreaterThan(20);
  });
});

/** Whether some two bids together exceed the max price. */
function mayBind({ candidates, maxPriceWei }: ClearingInput): boolean {
  const most = (field: 'priceWei' | 'standbyWei') => Math.max(...candidates.map(({ bid }) => Number(bid[field])));
  return most('priceWei') + most('standbyWei') > Number(maxPriceWei);
}

/** The round with the bid at `at` cheaper. */
function cheaper(input: ClearingInput, at: number, seat: 'primary' | 'backup', byWei: bigint): ClearingInput {
  const one = input.candidates[at]!;
  const field = seat === 'primary' ? 'priceWei' : 'standbyWei';
  const bid = { ...one.bid, [field]: String(BigInt(one.bid[field]) - byWei) };
  return { ...input, candidates: input.candidates.with(at, { ...one, bid }) };
}
