import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { openApiMarket } from '../setup/apiMarket.js';
import { makeBusy } from './busyMarket.js';
import { CHROMIUM, closePage, openBrowser, openPage } from './chromium.js';
import { makeOdd } from './oddMarket.js';

/** Where the pictures go: UNDERSTUDY_SCREENSHOTS=coordinator/explorer/screenshots makes those of the documents. */
const FOLDER = process.env.UNDERSTUDY_SCREENSHOTS;

/** Bytes of one picture at most: they are kept with the sources. */
const PICTURE_BYTES_MAX = 80 * 1024;

interface Picture {
  name: string;
  hash: string;
  viewport?: typeof WIDE;
  colorScheme?: 'light' | 'dark';
}

const WIDE = { width: 1180, height: 900 };
const PHONE = { width: 390, height: 900 };
/** A page of text takes more bytes than its chart. */
const SHORT = { width: 1180, height: 660 };

it.skipIf(!FOLDER || !CHROMIUM)(
  'takes pictures of every view',
  async () => {
    mkdirSync(FOLDER!, { recursive: true });
    const market = await openApiMarket();
    const busy = await makeBusy(market, 9);
    const browser = await openBrowser();
    const encoder = await browser.newPage();
    const [winner] = [...busy.provers.keys()];
    const round = `#/round/${busy.provenBlockId}.r0`;
    const openRound = `#/round/${busy.openRoundId}`;
    const pictures: Picture[] = [
      { name: 'market', hash: '' },
      { name: 'market-dark', hash: '', colorScheme: 'dark' },
      { name: 'market-phone', hash: '', viewport: PHONE },
      { name: 'block', hash: `#/block/${busy.provenBlockId}` },
      { name: 'block-phone', hash: `#/block/${busy.provenBlockId}`, viewport: PHONE, colorScheme: 'dark' },
      { name: 'round', hash: round },
      { name: 'round-sealed', hash: openRound },
      { name: 'prover', hash: `#/prover/${winner}` },
      { name: 'requester', hash: `#/requester/${busy.requester.address}` },
      { name: 'log', hash: '#/log/30', viewport: SHORT, colorScheme: 'dark' },
    ];
    const take = async ({ name, hash, viewport = WIDE, colorScheme = 'light' }: Picture) => {
      const { page, complaints } = await openPage(browser, { viewport, colorScheme });
      await page.goto(`${market.url}/${hash}`);
      await page.getByText('Log checked').waitFor();
      await page.locator('main .panel').first().waitFor();
      if (hash.startsWith('#/round/') && hash !== openRound) await page.getByText('It agrees').waitFor();
      await expect.poll(() => page.getByText('checking…').count(), { timeout: 30_000 }).toBe(0);
      const picture = await smallPicture(encoder, await page.screenshot());
      expect(picture.length).toBeLessThan(PICTURE_BYTES_MAX);
      writeFileSync(join(FOLDER!, `${name}.webp`), picture);
      expect(complaints).toEqual([]);
      await closePage(page);
    };
    for (const picture of pictures) await take(picture);
    // What is rare, and hostile names with it, comes behind the pictures of a market as it usually is.
    const { blocks } = await makeOdd(market);
    await take({ name: 'block-pool', hash: `#/block/${blocks.waitingPool}` });
    await take({ name: 'block-waiting', hash: `#/block/${blocks.waiting}` });
    await take({ name: 'round-commitments', hash: `#/round/${blocks.sealed}.r0`, colorScheme: 'dark' });
    await browser.close();
    await market.close();
  },
  600_000,
);

/** Encodes a PNG as WebP, which is a third of its size; the browser is there anyway. */
async function smallPicture(encoder: Page, png: Buffer): Promise<Buffer> {
  const script = `(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${png.toString('base64')}';
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.6).split(',')[1];
  })()`;
  return Buffer.from((await encoder.evaluate(script)) as string, 'base64');
}
