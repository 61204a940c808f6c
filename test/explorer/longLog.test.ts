import type { Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { party } from '../setup/marketDriver.js';
import { type BusyMarket, makeBusy } from './busyMarket.js';
import { CHROMIUM, openBrowser, openPage } from './chromium.js';

/** Entries of the log: more than are replayed unasked. How soon views stand is measured by `npm run bench -- explorer`. */
const ENTRIES = 4_000;

/** Deposits that wait for the writer at once. */
const AT_ONCE = 500;

/** Characters that one view may read, in all: the whole log is some hundred times as long. */
const READ_MAX = 1_000_000;

describe.skipIf(!CHROMIUM)('a long log', () => {
  let market: ApiMarket;
  let busy: BusyMarket;

  beforeAll(async () => {
    market = await openApiMarket({ checkResponses: false });
    const { journal } = market.executor;
    const account = party(777).address;
    let made = 0;
    const deposit = async () => {
      for (made += 1; made < ENTRIES; made += 1) {
        const reference = `long log ${made}`;
        await journal.execute({ kind: 'deposit', account, amountWei: 1n, source: 'faucet', reference }, null);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, deposit));
    busy = await makeBusy(market);
  }, 600_000);

  afterAll(() => market.close());

  it('is shown by pages and windows, and replayed on request', async () => {
    const browser = await openBrowser();
    const { page } = await openPage(browser);
    const windows: string[] = [];
    let characters = 0;
    const listen = (request: Request) => {
      if (request.url().includes('/v1/log/entries')) windows.push(new URL(request.url()).searchParams.get('limit')!);
    };
    page.on('request', listen);
    page.on('response', async (response) => {
      if (response.url().includes('/v1/') && !response.url().includes('/v1/feed')) {
        // What a navigation has dropped is not counted: that view had stood already.
        characters += (await response.text().catch(() => '')).length;
      }
    });
    const views = {
      '': 'Newest blocks',
      [`#/block/${busy.provenBlockId}`]: 'Where the money went',
      [`#/round/${busy.provenBlockId}.r0`]: 'Replay',
      '#/log': '✓ yes',
    };
    for (const [hash, sign] of Object.entries(views)) {
      characters = 0;
      await page.goto(`${market.url}/${hash}`);
      await page.getByText(sign).first().waitFor();
      expect(characters).toBeLessThan(READ_MAX);
    }
    expect(new Set(windows)).toEqual(new Set(['40']));
    page.off('request', listen);
    await page.goto(`${market.url}/#/round/${busy.provenBlockId}.r0`);
    await page.getByRole('button', { name: /Replay/ }).click();
    await page.getByText('It agrees').waitFor({ timeout: 300_000 });
    await browser.close();
  }, 400_000);
});
