/** How soon the web page shows its views in Chromium, with a short log and with a long one. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { RequesterClient } from '#client/requesterClient.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { type BenchMarket, openBenchMarket, readExampleBlock } from './benchMarket.js';
import { postAll } from './httpLoad.js';
import { type Measure, median } from './measure.js';
import { type AtEnd, withCleanUp } from './temporary.js';

/** Entries of the long log, by the issue of the page: the first view must stand within a second. */
const LONG = 100_000;
const FIRST_VIEW_MS_MAX = 1_000;

/** How much longer a view may take over a long log: nothing that it shows grows with it. */
const GROWTH_MAX = 1.5;

/** Deposits under way at once while the log is made long. */
const CLIENTS = 256;

/** Blocks of 32 jobs each: the market's figures are of its 250 newest jobs. */
const BLOCKS = 16;

const MAX_PRICE_WEI = 10n ** 12n;

/** What a view shows when it stands. */
const SIGNS = { market: 'Newest blocks', block: 'Where the money went', requester: 'Spent at most', log: '✓ yes' };
type View = keyof typeof SIGNS;

/**
 * Opens each view in a fresh profile of a running browser, over a log of some hundred entries and then over a long one.
 * @param options - quick: a tenth of the length, and fewer openings
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const length = options.quick ? LONG / 10 : LONG;
  const times = options.quick ? 3 : 9;
  return await withCleanUp(async (atEnd) => {
    const market = await openBenchMarket(atEnd);
    const browser = await openChromium(atEnd);
    const blockId = await submitBlocks(market);
    const hashes = { market: '', block: `#/block/${blockId}`, requester: requesterHash(market), log: '#/log' };
    const short = await openAll(browser, market.url, hashes, times);
    await lengthen(market, length);
    const long = await openAll(browser, market.url, hashes, times);
    const views = Object.keys(SIGNS) as View[];
    for (const view of views) {
      console.log(
        `${view}: ${short[view].toFixed(0)} ms over a short log, ${long[view].toFixed(0)} ms over a long one`,
      );
    }
    const growth = Math.max(...views.map((view) => long[view] / short[view]));
    return [
      {
        name: 'firstViewMs',
        value: long.market,
        unit: `ms over ${length} entries`,
        target: `at most ${FIRST_VIEW_MS_MAX}`,
        holds: long.market <= FIRST_VIEW_MS_MAX,
      },
      {
        name: 'viewGrowth',
        value: growth,
        unit: 'times over the short log, the worst view',
        target: `at most ${GROWTH_MAX}`,
        holds: growth <= GROWTH_MAX,
      },
    ];
  });
}

async function openChromium(atEnd: AtEnd): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
  if (!executablePath) throw new Error('No Chromium was found. Install one, or name it: CHROMIUM=/path/to/chromium');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  atEnd(() => browser.close());
  return browser;
}

const requesterHash = ({ requester }: BenchMarket) => `#/requester/${requester.address}`;

/** Blocks that nobody bids for: what is measured is reading and drawing. @returns the newest one's id */
async function submitBlocks({ client, requester }: BenchMarket): Promise<string> {
  const requests = new RequesterClient({ client, account: requester });
  let blockId = '';
  for (let made = 0; made < BLOCKS; made += 1) {
    const { nowMs } = await client.call('getMarket', {});
    const terms = blockTerms({
      deadlineMs: nowMs + 3_600_000,
      bidWindowMs: 600_000,
      maxPriceWei: MAX_PRICE_WEI,
      rounds: 1,
    });
    blockId = await requests.submit({ file: readExampleBlock(64), terms });
  }
  return blockId;
}

/** Deposits, one entry each, until the log has so many. */
async function lengthen({ url, client, requester }: BenchMarket, length: number): Promise<void> {
  const { treeSize } = await client.call('getMarket', {});
  const bodies = Array.from({ length: Math.max(0, length - treeSize) }, () => {
    const reference = `0x${randomBytes(32).toString('hex')}`;
    return JSON.stringify({ address: requester.address, amountWei: '1', reference });
  });
  await postAll({ url: `${url}/v1/faucet`, clients: CLIENTS }, bodies);
}

/** The middle of the times until a view stands, in milliseconds, after one opening that only warms up. */
async function openAll(browser: Browser, url: string, hashes: Record<View, string>, times: number) {
  const found = {} as Record<View, number>;
  for (const view of Object.keys(SIGNS) as View[]) {
    const elapsed: number[] = [];
    for (let opening = 0; opening <= times; opening += 1) {
      const page = await browser.newPage();
      const startMs = performance.now();
      await page.goto(`${url}/${hashes[view]}`, { waitUntil: 'commit' });
      await page.getByText(SIGNS[view]).first().waitFor();
      if (opening > 0) elapsed.push(performance.now() - startMs);
      await page.close();
    }
    found[view] = median(elapsed);
  }
  return found;
}
