/** The page over a market that goes on from log to log: a rotation while it is open, and hand-overs, honest and not. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importMarket } from '#journal/importMarket.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { createTestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { partyOf } from '../setup/marketDriver.js';
import { operatorOf } from '../setup/nextLogs.js';
import { OPERATOR, OTHER_OPERATOR } from '../setup/testOperator.js';
import { type BusyMarket, makeBusy } from './busyMarket.js';
import { CHROMIUM, closePage, mainText, openBrowser, openPage } from './chromium.js';

/** How long to wait for what must come, on a busy machine. */
const WAIT = { timeout: 30_000 };

const SECOND = OPERATOR.under('test.example/second');
const OTHER = operatorOf(9, 'other.example/market');
const nameOf = ({ origin, logKey }: typeof SECOND) => ({ origin, logKey });

let market: ApiMarket;
let busy: BusyMarket;
let browser: Browser;

/** What has been logged so far, and its newest checkpoint: what an export holds. */
async function exported(from: ApiMarket) {
  const { journal } = from.executor;
  const rows = await journal.readEntries(0, journal.size());
  return { leaves: rows.map(({ leaf }) => leaf), checkpoint: await journal.checkpoint() };
}

/** The market carried on from an export under another key, at the address where it was. */
async function carriedOn({ leaves, checkpoint }: Awaited<ReturnType<typeof exported>>, port: number) {
  const database = await createTestDatabase();
  const pages = (async function* () {
    yield leaves;
  })();
  const nowMs = market.driver.nowMs + 60_000;
  await importMarket({ pool: database.pool, key: OTHER, nowMs: () => nowMs, pages, checkpoint });
  const next = await openApiMarket({}, [], { operator: OTHER, port, database });
  next.driver.nowMs = nowMs;
  return next;
}

/** A place in each view, each with words that it must come to. */
const views = (): [hash: string, text: string | RegExp][] => [
  ['', 'Newest blocks'],
  [`block/${busy.provenBlockId}`, 'Where the money went'],
  [`round/${busy.provenBlockId}.r0`, 'It agrees'],
  [`prover/${[...busy.provers.keys()][0]}`, 'Movements of money'],
  [`requester/${busy.requester.address}`, 'Spent at most'],
  ['log', 'Logs of this market'],
];

async function expectViews(page: Page, url: string): Promise<void> {
  for (const [hash, text] of views()) {
    await page.goto(`${url}/#/${hash}`);
    await mainText(page, text);
  }
  await expect.poll(() => page.getByText('checking…').count(), WAIT).toBe(0);
  expect(await page.getByText('✕').count()).toBe(0);
}

describe.skipIf(!CHROMIUM)('the explorer of a market of several logs', () => {
  beforeAll(async () => {
    market = await openApiMarket();
    busy = await makeBusy(market, 1);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await market?.close();
  });

  const checkedTo = (page: Page, at: ApiMarket) =>
    page.getByText(`Log checked: ${at.executor.journal.size()} entries`).waitFor();

  it('goes on over a rotation while it is open, and says how the logs are linked', async () => {
    const { page, complaints } = await openPage(browser);
    const feeds: string[] = [];
    page.on('request', (request) => request.url().includes('/v1/feed') && feeds.push(request.url()));
    await page.goto(market.url);
    await checkedTo(page, market);
    await page.getByText('● Live').waitFor();
    await market.executor.journal.rotate(nameOf(SECOND), 'it is long');
    await page.getByText('was closed and goes on as test.example/second').waitFor();
    await checkedTo(page, market);
    await market.driver.submitBlock(busy.requester, 1, { label: 'of the second log' });
    await mainText(page, 'of the second log');
    await checkedTo(page, market);
    // The stream went on: entries are counted over all logs.
    expect(feeds).toHaveLength(1);
    expect(await page.getByRole('alert').count()).toBe(0);
    await expectViews(page, market.url);
    expect(await mainText(page, 'Logs of this market')).toMatch(
      /test\.example\/second [0-9a-f]{8} \d+ ✓ a rotation: the log before was closed for it; checked here/,
    );
    const opened = market.driver.state.logFirstIndex;
    await page.goto(`${market.url}/#/log/${opened}`);
    for (const index of [opened - 1, opened]) {
      await page.locator(`tr[data-entry="${index}"]`).getByText('✓ yes').waitFor();
    }
    await page
      .locator(`tr[data-entry="${opened - 1}"]`)
      .getByText('test.example/second')
      .waitFor();
    await page.reload();
    await checkedTo(page, market);
    expect(await page.getByText('was closed and goes on').count()).toBe(0);
    await closePage(page);
    expect(complaints).toEqual([]);
  });

  it('shows a link that was tampered with as such', async () => {
    const { pool } = market.database;
    const opened = market.driver.state.logFirstIndex;
    const { page } = await openPage(browser);
    const swap = (index: number, from: string, to: string) =>
      pool.query('UPDATE entries SET leaf = replace(leaf, $1, $2) WHERE index = $3', [from, to, index]);
    await swap(opened - 1, 'it is long', 'it is wrong');
    await page.goto(`${market.url}/#/log`);
    await mainText(page, `✕ This is not the entry that the signed log holds at ${opened - 1}`);
    await swap(opened - 1, 'it is wrong', 'it is long');
    await page.reload();
    await mainText(page, 'the log before was closed for it; checked here');
    await closePage(page);
    expect(await invariantFlaws(pool)).toEqual([]);
  });

  it('tells a hand-over that only the next operator speaks of, and takes it when it is told to', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(market.url);
    await checkedTo(page, market);
    const copy = await exported(market);
    const port = Number(new URL(market.url).port);
    await market.app.close();
    const next = await carriedOn(copy, port);
    await page.getByText('The market is carried on by another operator').waitFor(WAIT);
    await page.getByRole('alert').getByText('is the word of other.example/market alone').waitFor();
    await checkedTo(page, next);
    const { chainId, coordinatorId } = next.driver.state.market!;
    const requester = partyOf(1, { chainId, coordinatorId });
    await next.driver.submitBlock(requester, 1, { label: 'of the other operator', nonce: 1_000 });
    await expectViews(page, next.url);
    expect(await mainText(page, 'Logs of this market')).toMatch(
      /other\.example\/market [0-9a-f]{8} \d+ ! carried on by another operator: checked here; its operator’s word alone/,
    );
    await page.goto(`${next.url}/#/`);
    await mainText(page, 'of the other operator');
    await page.getByRole('button', { name: 'Take the new log' }).click();
    expect(await page.getByRole('alert').count()).toBe(0);
    await closePage(page);
    await next.close();
    await market.restart();
    expect(complaints).toEqual([]);
  });

  it('says so when entries that it saw were left out of a hand-over', async () => {
    const { page } = await openPage(browser);
    const short = await exported(market);
    await market.driver.fund(busy.requester.address);
    await page.goto(market.url);
    await checkedTo(page, market);
    const port = Number(new URL(market.url).port);
    await market.app.close();
    const next = await carriedOn(short, port);
    await page.getByText('other.example/market does not go on from test.example/second').waitFor(WAIT);
    const words = /This browser saw \d+ entries of test\.example\/second.*entries were left out/;
    await page.getByRole('alert').getByText(words).waitFor();
    await page.reload();
    await page.getByText('entries were left out').first().waitFor();
    await closePage(page);
    await next.close();
    await market.restart();
  });

  it('is not led on by logs that are listed otherwise the second time', async () => {
    const { page } = await openPage(browser);
    await page.goto(market.url);
    await checkedTo(page, market);
    const seen = (await market.client.call('listLogs', {})).logs.at(-1)!;
    const port = Number(new URL(market.url).port);
    await page.goto('about:blank');
    await market.app.close();
    const stranger = await openApiMarket({}, [], { operator: OTHER_OPERATOR, port });
    const next = OTHER_OPERATOR.under('stranger.example/second');
    await stranger.executor.journal.rotate(nameOf(next), 'a trap');
    let asked = 0;
    await page.route('**/v1/log/logs', async (route) => {
      asked += 1;
      const answer = await route.fetch();
      const { logs } = (await answer.json()) as { logs: object[] };
      const { origin, logKey } = seen;
      const bent = logs.map((log, at) => (at === 0 ? { ...log, origin, logKey } : log));
      await route.fulfill({ response: answer, json: { logs: asked === 1 ? bent : logs } });
    });
    await page.goto(stranger.url);
    await page.getByRole('alert').getByText('This is another log than the one').waitFor();
    expect(asked).toBeGreaterThan(1);
    await closePage(page);
    await stranger.close();
    await market.restart();
  });

  it('knows the next operator when the log was closed for it, and shows the closed log as closed', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(`${market.url}/#/log`);
    await checkedTo(page, market);
    const handOver = { kind: 'closeLog', next: nameOf(OTHER), reason: 'a test' } as const;
    expect((await market.driver.run(handOver)).ok).toBe(true);
    await mainText(page, 'The log is closed: nothing more is taken here');
    await checkedTo(page, market);
    const copy = await exported(market);
    const port = Number(new URL(market.url).port);
    await market.app.close();
    const next = await carriedOn(copy, port);
    await page.getByText('was closed and goes on as other.example/market').waitFor(WAIT);
    await checkedTo(page, next);
    await expectViews(page, next.url);
    expect(await page.getByRole('alert').count()).toBe(0);
    await closePage(page);
    expect(complaints).toEqual([]);
    expect(await invariantFlaws(next.database.pool)).toEqual([]);
    await next.close();
    await market.restart();
  });
});
