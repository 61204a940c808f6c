import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { readLedger } from '#agent/client/ledger.js';
import { type DatedPosting, earningLine, sumEarnings } from '#agent/status/earnings.js';
import { moneyMoved } from '#agent/status/moneyMoved.js';
import { timeOf } from '#cli/agent/earnings.js';
import { createClient } from '#protocol/client.js';
import { postingSchema } from '#protocol/ledger.js';
import { runCommandLine } from '../setup/commandLine.js';
import { BLOCK_ID, OTHER } from './agentFixtures.js';
import { type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

const key = newPrivateKey();
const me = accountOf(key).address;
const [ACCOUNT, BOND] = [`account:${me}`, `bond:${me}`];
const ESCROW = `escrow:${BLOCK_ID}`;

const CHAIN = {
  ...{ chainId: 31_337, contract: OTHER, token: null, deployBlock: 1, confirmations: 12, epochMs: 60_000 },
  ...{ exitDelaySec: 604_800, depositedWei: '0', committedWei: '7', computed: null, posted: null, openSets: 0 },
  ...{ headBlock: 20, haltedReason: null, failure: null, lookedAtMs: 1 },
};

let coordinator: FakeCoordinator;
let folder: string;
let postings: DatedPosting[];

/** Serves the postings in pages of two entries, newest first, as the market does. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-earnings-'));
  postings = [];
  coordinator = await startFakeCoordinator({
    getChain: () => {
      throw new Refusal('noChain');
    },
    listPostings: ({ query }) => {
      const before = Number(query.before ?? Number.MAX_SAFE_INTEGER);
      const older = postings.filter(({ entryIndex }) => entryIndex < before);
      const indexes = [...new Set(older.map(({ entryIndex }) => entryIndex))].toSorted((a, b) => b - a).slice(0, 2);
      return { postings: older.filter(({ entryIndex }) => indexes.includes(entryIndex)).toReversed() };
    },
    listEntries: ({ query }) => ({
      treeSize: 100,
      entries: [Number(query.from), Number(query.from) + 1].map((index) => ({
        index,
        leaf: JSON.stringify({ type: 'proofAccepted', jobId: `${BLOCK_ID}.${index}` }),
      })),
    }),
  });
});

afterEach(async () => {
  await coordinator.close();
  rmSync(folder, { recursive: true, force: true });
});

function post(entryIndex: number, from: string, to: string, amountWei: number, why: DatedPosting['why']): void {
  const sequence = postings.length;
  postings.push({ entryIndex, sequence, atMs: 1_000_000 * entryIndex, from, to, amountWei: String(amountWei), why });
}

/** A life: funded, locked, paid, stood by, called, slashed, a deposit forfeited. */
function live(): void {
  post(1, 'outside', ACCOUNT, 1_000, 'deposit');
  post(2, ACCOUNT, BOND, 100, 'bondLocked');
  post(3, ESCROW, ACCOUNT, 50, 'price');
  post(3, BOND, ACCOUNT, 100, 'bondReleased');
  post(4, ESCROW, ACCOUNT, 5, 'standbyFee');
  post(5, ESCROW, ACCOUNT, 7, 'lateShare');
  post(5, `bond:${OTHER}`, ACCOUNT, 11, 'slashToRescuer');
  post(5, `bond:${OTHER}`, ACCOUNT, 2, 'cover');
  post(6, ACCOUNT, BOND, 200, 'bondLocked');
  post(7, BOND, `account:${OTHER}`, 60, 'slashToRequester');
  post(7, BOND, ACCOUNT, 10, 'bondReleased');
  post(8, ACCOUNT, BOND, 9, 'bidDeposit');
  post(9, BOND, `account:${OTHER}`, 9, 'bidForfeited');
  const [freeWei, bondedWei] = ['876', '130'];
  const view = { address: me, freeWei, bondedWei, lastNonce: 0, prover: null };
  coordinator.handlers.getAccount = () => view;
}

describe('earnings', () => {
  it('sum up to the account over all pages, by cause', async () => {
    live();
    const client = createClient({ baseUrl: coordinator.baseUrl, fetch, timeoutMs: 5_000 });
    const { sums, missingWei, lines } = await readLedger(client, me);
    expect([missingWei, lines.length, sums.freeWei, sums.bondedWei]).toEqual([0n, 13, 876n, 130n]);
    const byKind = Object.fromEntries(Object.entries(sums.byKind).map(([kind, { wei }]) => [kind, Number(wei)]));
    expect(byKind).toMatchObject({ price: 50, standbyFee: 5, lateShare: 7, rescue: 13, slashed: -60, forfeited: -9 });
    expect([byKind.deposit, byKind.asRequester, sums.earnedWei]).toEqual([1_000, 0, 6n]);
  });

  it('are refused as wrong when the market shows another account', async () => {
    live();
    coordinator.handlers.getAccount = () => ({
      address: me,
      freeWei: '884',
      bondedWei: '131',
      lastNonce: 0,
      prover: null,
    });
    const client = createClient({ baseUrl: coordinator.baseUrl, fetch, timeoutMs: 5_000 });
    expect((await readLedger(client, me)).missingWei).not.toBe(0n);
    const args = ['agent', 'earnings', '--coordinator', coordinator.baseUrl];
    const { code, stderr } = await runCommandLine(args, { cwd: folder, env: { UNDERSTUDY_KEY: key } });
    expect([code, stderr]).toEqual([1, expect.stringContaining('miss the account')]);
  });

  const run = (...args: string[]) =>
    runCommandLine(['agent', 'earnings', '--coordinator', coordinator.baseUrl, ...args], {
      cwd: folder,
      env: { UNDERSTUDY_KEY: key },
    });

  it('are shown as text, as CSV with what each entry is about, and as JSON', async () => {
    live();
    const text = await run();
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(/slashed +1 +-60 wei\n/);
    expect(text.stdout).toMatch(/earned +6 wei\n/);
    const rows = (await run('--csv')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    expect(rows).toHaveLength(14);
    expect(rows[3]).toEqual([
      new Date(3_000_000).toISOString(),
      ...['3', `${BLOCK_ID}.3`, 'price', 'price', '50', '50', '0', ESCROW],
    ]);
    const column = (at: number) => rows.slice(1).reduce((sum, row) => sum + BigInt(row[at]!), 0n);
    expect([column(5), column(6), column(7)]).toEqual([6n, 876n, 130n]);
    const since = JSON.parse((await run('--json', '--since', '1970-01-01T01:40:00Z')).stdout);
    expect(since).toMatchObject({ earnedWei: '-69', equalsLedger: true, freeWei: '876' });
    expect((await run('--since', 'yesterday')).code).toBe(2);
  });

  it('count what the contract pays for blocks that are settled on chain, to the wei', async () => {
    live();
    const item = (index: number, payee: string, amountWei: string) => ({
      jobId: `${BLOCK_ID}.${index}`,
      payee,
      amountWei,
    });
    const items = [item(0, me, '100'), item(1, OTHER, '900'), item(2, me, '23000000000000000001')];
    const committedWei = String(items.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n));
    coordinator.handlers.getChain = () => ({ ...CHAIN, committedWei });
    const listAll = coordinator.handlers.listEntries!;
    coordinator.handlers.listEntries = (request) => {
      const { from, type } = request.query;
      if (type === undefined) return listAll(request);
      const leaf = JSON.stringify({ type, atMs: 9_000_000, items });
      return { treeSize: 12, entries: Number(from) <= 11 ? [{ index: 11, leaf }] : [] };
    };
    const text = await run();
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout).toMatch(/prices paid on chain +2 +23000000000000000101 wei\n/);
    expect(text.stdout).toMatch(/earned +23000000000000000107 wei\n/);
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject({
      earnedWei: '23000000000000000107',
      onChain: { count: 2, wei: '23000000000000000101' },
      equalsLedger: true,
    });
    const asked = coordinator.calls.filter(({ name }) => name === 'listEntries');
    expect(asked.every(({ request }) => request.query.type === 'jobSetCommitted')).toBe(true);
    // A set that is left out does not go unnoticed.
    coordinator.handlers.getChain = () => ({ ...CHAIN, committedWei: String(BigInt(committedWei) + 5n) });
    const short = await run();
    expect([short.code, short.stderr]).toEqual([1, expect.stringContaining('job sets of 5 wei were not shown')]);
    coordinator.handlers.getChain = () => ({ ...CHAIN, committedWei });
    const csv = (await run('--csv')).stdout;
    expect(csv).toContain(`,11,${BLOCK_ID}.2,jobSet,onChain,23000000000000000001,0,0,contract\n`);
  });

  it('split every movement without losing a wei', () => {
    const ledgers = fc.constantFrom(ACCOUNT, BOND, `account:${OTHER}`, `bond:${OTHER}`, ESCROW, 'outside');
    const posting = fc.record({
      ...{ from: ledgers, to: ledgers, amountWei: fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String) },
      why: fc.constantFrom(...postingSchema.shape.why.options),
      ...{ entryIndex: fc.nat(), sequence: fc.nat(), atMs: fc.nat() },
    });
    fc.assert(
      fc.property(fc.array(posting), (all) => {
        const mine = all.filter(({ from, to }) => [from, to].some((one) => one === ACCOUNT || one === BOND));
        const sums = sumEarnings(mine.map((one) => earningLine(one, me)));
        const { deposit, asRequester, bond, ...earned } = sums.byKind;
        const total = Object.values(earned).reduce((sum, { wei }) => sum + wei, 0n);
        expect(total).toBe(sums.earnedWei);
        expect(sums.freeWei + sums.bondedWei).toBe(sums.earnedWei + deposit.wei + asRequester.wei);
        expect(moneyMoved(mine, me)).toBe(sums.earnedWei + asRequester.wei);
        expect(bond.count + deposit.count).toBeLessThanOrEqual(mine.length);
      }),
    );
  });
});

it('a time is a date, or a span back from now', () => {
  expect([timeOf('90m', 10_000_000), timeOf('2d', 200_000_000)]).toEqual([4_600_000, 27_200_000]);
  expect(timeOf('2026-01-31', 0)).toBe(Date.UTC(2026, 0, 31));
  expect(() => timeOf('soon', 0)).toThrow(/--since/);
});
