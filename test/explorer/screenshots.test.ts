import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openApiMarket } from '../setup/apiMarket.js';
import { makeBusy } from './busyMarket.js';
import { CHROMIUM, openBrowser, openPage } from './chromium.js';

/** Where the pictures go: UNDERSTUDY_SCREENSHOTS=coordinator/explorer/screenshots makes those of the documents. */
const FOLDER = process.env.UNDERSTUDY_SCREENSHOTS;

const WIDE = { width: 1180, height: 900 };
const PHONE = { width: 390, height: 844 };

it.skipIf(!FOLDER || !CHROMIUM)('takes pictures of every view', async () => {
  mkdirSync(FOLDER!, { recursive: true });
  const market = await openApiMarket();
  const busy = await makeBusy(market, 9);
  const browser = await openBrowser();
  const [winner] = [...busy.provers.keys()];
  const views = {
    market: '',
    block: `#/block/${busy.provenBlockId}`,
    round: `#/round/${busy.provenBlockId}.r0`,
    sealed: `#/round/${busy.openRoundId}`,
    prover: `#/prover/${winner}`,
    requester: `#/requester/${busy.requester.address}`,
    log: '#/log',
    entry: '#/log/30',
  };
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, viewport] of Object.entries({ wide: WIDE, phone: PHONE })) {
      const { page, complaints } = await openPage(browser, { viewport, colorScheme });
      for (const [view, hash] of Object.entries(views)) {
        await page.goto(`${market.url}/${hash}`);
        await page.getByText('Log checked').waitFor();
        await page.locator('main .panel').first().waitFor();
        if (view === 'round') await page.getByText('It agrees').waitFor();
        if (view === 'log' || view === 'entry')
          await expect.poll(() => page.getByText('checking…').count(), { timeout: 30_000 }).toBe(0);
        const file = join(FOLDER!, `${view}-${width}-${colorScheme}.png`);
        await page.screenshot({ path: file, fullPage: true });
      }
      expect(complaints).toEqual([]);
      await page.close();
    }
  }
  await browser.close();
  await market.close();
});
