import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosignerKey, formatCosignerKey, signCosignature } from '#protocol/log/cosignature.js';
import { formatSignedNote, parseSignedNote } from '#protocol/log/signedNote.js';
import { signerFromSeed } from '../protocol/ed25519Signer.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { type Party, party } from '../setup/marketDriver.js';
import { OPERATOR, OTHER_OPERATOR } from '../setup/testOperator.js';
import { CHROMIUM, closePage, mainText, openBrowser, openPage } from './chromium.js';

/** How long to wait for what must come, on a busy machine. */
const WAIT = { timeout: 30_000 };

let market: ApiMarket;
let browser: Browser;
let requester: Party;

const submit = (label: string) => market.driver.submitBlock(requester, 1, { label });

/** Makes the page's scripts as if they were older than the market: they do not know a type of entries. */
async function forget(page: Page, type: string): Promise<void> {
  await page.route('**/explorer/*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replaceAll(type, `${type}OfOld`) });
  });
}

describe.skipIf(!CHROMIUM)('the explorer, when things are not as they should be', () => {
  beforeAll(async () => {
    market = await openApiMarket();
    requester = party(1);
    await market.driver.fund(requester.address);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await market?.close();
  });

  it('shows a market that moves faster than it answers', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(market.url);
    await page.getByText('● Live').waitFor();
    const held: (() => void)[] = [];
    let answered = 0;
    await page.route('**/v1/jobs?*', async (route) => {
      // An entry comes while each answer is on its way.
      await new Promise<void>((resolve) => held.push(resolve));
      answered += 1;
      await route.continue();
    });
    await submit('one that waits');
    await expect.poll(() => held.length, WAIT).toBe(1);
    const index = market.executor.journal.size();
    await submit('another');
    await page.getByText(`${index + 2} entries`).waitFor();
    held.shift()!();
    await mainText(page, 'one that waits');
    expect(answered).toBe(1);
    await expect.poll(() => held.length, WAIT).toBe(1);
    held.shift()!();
    await mainText(page, 'another');
    await closePage(page);
    expect(complaints).toEqual([]);
  });

  it('follows a log with entries whose type it does not know, and takes them for what they are', async () => {
    const { page, complaints } = await openPage(browser);
    await forget(page, 'roundOpened');
    await page.goto(`${market.url}/#/log`);
    await page.getByText('● Live').waitFor();
    const index = market.executor.journal.size() + 1;
    await submit('from the future');
    const row = page.locator(`tr[data-entry="${index}"]`);
    await row.getByText('✓ yes').waitFor();
    await row.getByText('of a type that this page does not know').waitFor();
    await row.getByRole('button').click();
    await page.getByText('This page does not know entries of this type').waitFor();
    expect(await page.getByText('✕').count()).toBe(0);
    await page.goto(`${market.url}/#/`);
    await mainText(page, 'from the future');
    await closePage(page);
    expect(complaints).toEqual([]);
  });

  it('holds no stream while nobody sees it, and has missed nothing afterwards', async () => {
    const { page, complaints } = await openPage(browser);
    const streams = new Set<unknown>();
    page.on('request', (request) => request.url().includes('/v1/feed') && streams.add(request));
    page.on('requestfailed', (request) => streams.delete(request));
    await page.goto(market.url);
    await page.getByText('● Live').waitFor();
    expect(streams.size).toBe(1);
    const hide = (isHidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`);
    await hide(true);
    await page.getByText('○ Paused').waitFor();
    await expect.poll(() => streams.size, WAIT).toBe(0);
    await submit('while nobody looked');
    await hide(false);
    await page.getByText('● Live').waitFor();
    await mainText(page, 'while nobody looked');
    await closePage(page);
    expect(complaints).toEqual([]);
  });

  it('goes by the market’s clock where its own is off by hours', async () => {
    const { page } = await openPage(browser);
    await page.addInitScript('const now = Date.now; Date.now = () => now() + 7_200_000;');
    await market.driver.submitBlock(requester, 1, {
      label: 'soon',
      bidWindowsMs: [60_000],
      roundPricesWei: ['1000000000000000000'],
    });
    await page.goto(market.url);
    expect(await mainText(page, 'Rounds taking bids')).toMatch(/soon 1 1 0 \S+ (5\d\.\d s|1 min 00 s)/);
    await closePage(page);
  });

  it('checks cosigners by keys that were told to it, and by no others', async () => {
    const [honest, silent, forged] = ['honest.example', 'silent.example', 'forged.example'].map((name, at) => {
      const { key, sign } = signerFromSeed(name, new Uint8Array(32).fill(at + 1));
      return { key: cosignerKey(name, key.publicKey), sign };
    }) as [Cosigner, Cosigner, Cosigner];
    const note = await market.client.call('getCheckpoint', {});
    const { text, signatures } = parseSignedNote(note)!;
    const cosigned = [
      ...signatures,
      signCosignature(text, honest, 1_700_000_000),
      signCosignature(text, { key: forged.key, sign: honest.sign }, 1_700_000_000),
    ];
    const body = formatSignedNote({ text, signatures: cosigned });
    const { page, complaints } = await openPage(browser);
    await page.route('**/v1/log/checkpoint', (route) => route.fulfill({ body, contentType: 'text/plain' }));
    await page.goto(`${market.url}/#/log`);
    expect(await mainText(page, 'not checked: its key is not known here')).toMatch(
      /\? honest\.example.*\? forged\.example/,
    );
    await page.getByText('Check cosigners by their keys').click();
    await page.getByRole('textbox', { name: /One key a line/ }).fill('honest.example+nothing');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.getByText('This is not the key of a cosigner: honest.example+nothing').waitFor();
    const keys = [honest, silent, forged].map(({ key }) => formatCosignerKey(key)).join('\n');
    await page.getByRole('textbox', { name: /One key a line/ }).fill(keys);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    const checked = await mainText(page, 'has not signed it');
    expect(checked).toMatch(/✓ honest\.example, key [0-9a-f]{8}, signed 2023-11-1\d \S+ by its clock, checked here/);
    expect(checked).toMatch(/✕ silent\.example, key [0-9a-f]{8}, has not signed it/);
    expect(checked).toMatch(
      /✕ forged\.example, key [0-9a-f]{8}, named on the note with a signature that is not of its key/,
    );
    await page.reload();
    await mainText(page, 'by its clock, checked here');
    await closePage(page);
    expect(complaints).toEqual([]);
  });

  it('says so when another log answers at its address, until that is taken for the one', async () => {
    const first = await openApiMarket();
    for (const at of [1, 2, 3, 4, 5]) await first.driver.fund(party(at).address);
    const { page } = await openPage(browser);
    await page.goto(first.url);
    await page.getByText(`Log checked: ${first.executor.journal.size()} entries`).waitFor();
    await page.getByText('● Live').waitFor();
    const port = Number(new URL(first.url).port);
    await first.close();
    const second = await openApiMarket({}, [], { operator: OTHER_OPERATOR, port });
    await second.driver.fund(requester.address);
    await page.getByText('This is another log than the one that this browser saw here before').waitFor();
    await page.getByText(`Log checked: ${second.executor.journal.size()} entries`).waitFor();
    await page.getByText('● Live').waitFor();
    await second.driver.submitBlock(requester, 1, { label: 'of the other market' });
    await mainText(page, 'of the other market');
    await page.getByRole('button', { name: 'Take the new log' }).click();
    await page.getByText('This is another log').waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText('Log checked').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await closePage(page);
    await second.close();
  });

  it('says so when the log has been rolled back, and follows what comes of it', async () => {
    const first = await openApiMarket();
    for (const at of [1, 2, 3, 4, 5]) await first.driver.fund(party(at).address);
    const { page } = await openPage(browser);
    await page.goto(first.url);
    await page.getByText(`Log checked: ${first.executor.journal.size()} entries`).waitFor();
    await page.getByText('● Live').waitFor();
    const port = Number(new URL(first.url).port);
    await first.close();
    const second = await openApiMarket({}, [], { operator: OPERATOR, port });
    await second.driver.fund(requester.address);
    await page.getByText('entries were changed or taken away').waitFor();
    await page.getByText('● Live').waitFor();
    await second.driver.submitBlock(requester, 1, { label: 'after all' });
    await mainText(page, 'after all');
    await page.getByText('✕ The log does not check').waitFor();
    await closePage(page);
    await second.close();
  });
});

interface Cosigner {
  key: ReturnType<typeof cosignerKey>;
  sign: (message: Uint8Array) => Uint8Array;
}
