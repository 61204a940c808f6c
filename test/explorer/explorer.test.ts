import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCheckpoint, signCheckpoint } from '#protocol/log/checkpoint.js';
import { parseSignedNote } from '#protocol/log/signedNote.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { OPERATOR } from '../setup/testOperator.js';
import { type BusyMarket, bidAll, makeBusy } from './busyMarket.js';
import { CHROMIUM, closePage, mainText, openBrowser, openPage, openView } from './chromium.js';

/** Bytes of all files of the page together, as they travel. */
const PAGE_BYTES_MAX = 250 * 1024;

/** How long to wait for what must come, on a busy machine. */
const WAIT = { timeout: 30_000 };

let market: ApiMarket;
let busy: BusyMarket;
let browser: Browser;

describe.skipIf(!CHROMIUM)('the explorer', () => {
  beforeAll(async () => {
    market = await openApiMarket();
    busy = await makeBusy(market);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    expect(market.failures).toEqual([]);
    await market?.close();
  });

  const view = (hash: string, options: Parameters<typeof openView>[3] = {}) =>
    openView(browser, market.url, hash, options);

  it('is small, comes from one place, and forbids everything else', async () => {
    const answer = await fetch(`${market.url}/`, { headers: { accept: 'text/html' } });
    const policy = answer.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(await (await fetch(`${market.url}/`)).json()).toMatchObject({ name: 'Understudy' });
    const { page, asked, done } = await view(`#/round/${busy.provenBlockId}.r0`);
    await mainText(page, 'It agrees');
    const files = [...new Set(asked.filter((url) => url.includes('/explorer/')))];
    expect(files.some((url) => url.includes('replayWorker'))).toBe(true);
    let bytes = gzipSync(Buffer.from(await answer.arrayBuffer())).length;
    for (const url of files) {
      const file = await fetch(url);
      expect(file.headers.get('cache-control')).toContain('immutable');
      bytes += gzipSync(Buffer.from(await file.arrayBuffer())).length;
    }
    expect(bytes).toBeLessThan(PAGE_BYTES_MAX);
    await done();
  });

  it('shows how the market does', async () => {
    const { page, done } = await view('');
    const text = await mainText(page, 'Prices against the cost floor');
    expect(text).toMatch(/Rounds taking bids 1\b/);
    expect(text).toMatch(/100\.0 % 16 of 16 sold jobs that ended/);
    for (const name of ['prover 20', 'batch 15', 'batch 40', 'nobody bid']) expect(text).toContain(name);
    await page.getByRole('img', { name: /Median price/ }).waitFor();
    await done();
  });

  it('shows what happened in a block and where the money went', async () => {
    const { page, done } = await view(`#/block/${busy.provenBlockId}`);
    const text = await mainText(page, 'Where the money went');
    expect(text).toContain('proven by the backup; backup called: the primary gave up');
    expect(text).toMatch(/requester escrow set aside by the requester 360 000/);
    const rescued = page.getByRole('img', {
      name: /^Job 0: bidding, round 1.*backup .* proving.*zkProof of .*: valid/,
    });
    expect(await rescued.count()).toBe(1);
    const bundle = page.waitForEvent('download');
    await page.getByText('Download the bundle').click();
    const saved = JSON.parse(readFileSync(await (await bundle).path(), 'utf8'));
    expect(saved).toMatchObject({ blockId: busy.provenBlockId, complete: true });
    await done();
  });

  it('recomputes a round from the log and explains every bid', async () => {
    const { page, done } = await view(`#/round/${busy.provenBlockId}.r0`);
    const text = await mainText(page, 'It agrees');
    expect(text).toContain('They are the very entries of the signed log');
    expect(text).toContain('4 of 4 bids carry their prover’s signature');
    expect(text).toMatch(/won: primary of/);
    expect(text).toMatch(/Reckoned \(s\)/);
    await page.goto(`${market.url}/#/round/${busy.openRoundId}`);
    expect(await mainText(page, 'Sealed bids')).not.toContain('To prove');
    await done();
  });

  it('shows provers and requesters', async () => {
    const [prover] = [...busy.provers.keys()];
    const { page, done } = await view(`#/prover/${prover}`);
    const text = await mainText(page, 'Movements of money');
    expect(text).toMatch(/Earned [1-9]/);
    expect(text).toMatch(/prover 20/);
    expect(await mainText(page, 'from the log alone')).toMatch(/The line: from 20 ended assignments on/);
    await page.getByRole('img', { name: /Proving time of each/ }).waitFor();
    await page.goto(`${market.url}/#/requester/${busy.requester.address}`);
    expect(await mainText(page, 'Spent at most')).toMatch(/Jobs proven 16 of 20/);
    await done();
  });

  it('checks each entry that it shows, and asks for no others', async () => {
    const { page, asked, done } = await view('#/log/50');
    await expect.poll(() => page.getByText('✓ yes').count(), WAIT).toBe(40);
    const text = await mainText(page, 'checked here');
    expect(text).toContain('with everything this browser has seen');
    const read = asked.filter((url) => url.includes('/v1/log/entries'));
    expect(new Set(read.map((url) => new URL(url).search))).toEqual(new Set(['?from=30&limit=40']));
    await done();
  });

  /** A place in each view. */
  const hashes = () => {
    const [prover] = [...busy.provers.keys()];
    const { provenBlockId, openRoundId, requester } = busy;
    const rounds = [`round/${provenBlockId}.r0`, `round/${openRoundId}`];
    return ['', `block/${provenBlockId}`, ...rounds, `prover/${prover}`, `requester/${requester.address}`, 'log'];
  };

  it('fits a phone', async () => {
    const { page, done } = await view('', { viewport: { width: 360, height: 700 } });
    for (const hash of hashes()) {
      await page.goto(`${market.url}/#/${hash}`);
      await page.locator('main .panel').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    }
    await done();
  });

  it('goes by the keyboard: everything in its order, and always seen where one is', async () => {
    const { page, done } = await view('');
    await page.getByText('Newest blocks').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    for (const hash of hashes()) {
      await page.goto(`${market.url}/#/${hash}`);
      await page.reload();
      await page.locator('main .panel').first().waitFor();
      await expect.poll(() => page.getByText('checking…').count(), WAIT).toBe(0);
      // What comes later moves what is below it.
      await page.getByText('Log checked').waitFor();
      const stops: string = await page.evaluate(MARK_STOPS);
      for (const stop of stops.split(' ')) {
        await page.keyboard.press('Tab');
        await expect.poll(() => page.evaluate(FOCUSED), WAIT).toEqual({ stop, isOutlined: true, isInView: true });
      }
    }
    await page.getByRole('searchbox').focus();
    await page.keyboard.type(`${busy.provenBlockId}.2`);
    await page.keyboard.press('Enter');
    await page.locator('.track.here').waitFor();
    expect(await page.evaluate('[document.activeElement.id, scrollY]')).toEqual(['content', 0]);
    await done();
  });

  it('is nowhere but where it says: what is no place is said to be none', async () => {
    const { page, done } = await view('#/%E0%A4%A');
    await mainText(page, 'There is nothing at #/%E0%A4%A');
    await page.goto(`${market.url}/#/block/0x${'9'.repeat(64)}`);
    await mainText(page, 'could not be read');
    await page.goto(`${market.url}/#/log/999999999999999`);
    expect(await mainText(page, 'There is no entry 999999999999999 yet')).toMatch(/of \d+ entries/);
    await page.getByRole('searchbox').fill('no id');
    await page.keyboard.press('Enter');
    await page.getByText('This is not an id, an address or a number').waitFor({ state: 'attached' });
    await done();
  });

  it('says what to do when the program of a view does not come, and goes on elsewhere', async () => {
    const { page } = await openPage(browser);
    await page.route('**/explorer/logView-*', (route) => route.abort());
    await page.goto(`${market.url}/#/log`);
    await mainText(page, 'this view could not be read: the coordinator may serve a newer page; reload this one');
    await page.getByRole('link', { name: 'Market', exact: true }).click();
    await mainText(page, 'Newest blocks');
    await closePage(page);
  });

  it('shows what is wrong in place of a view that cannot be drawn, and goes on elsewhere', async () => {
    const { page } = await openPage(browser);
    await page.addInitScript('Number.prototype.toFixed = () => { throw new Error("no digits"); }');
    await page.goto(market.url);
    await mainText(page, 'This view could not be drawn: no digits');
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    await mainText(page, '✓ yes');
    await closePage(page);
  });
});

/** Numbers all that the keyboard comes to, in the order of the page, and gives the numbers. */
const MARK_STOPS = `(() => {
  const all = [...document.querySelectorAll('a[href], button:not(:disabled), input, summary, textarea, [tabindex="0"]')];
  const seen = all.filter((one) => one.checkVisibility() && one.tabIndex >= 0);
  seen.forEach((one, at) => { one.dataset.stop = String(at); });
  return seen.map((_, at) => at).join(' ');
})()`;

/** Which of them has the focus, and whether that can be seen. */
const FOCUSED = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  const { top, bottom, left, right } = document.activeElement.getBoundingClientRect();
  return {
    stop: document.activeElement.dataset.stop,
    isOutlined: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1,
    isInView: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
  };
})()`;

describe.skipIf(!CHROMIUM)('the explorer of a market that moves', () => {
  beforeAll(async () => {
    market = await openApiMarket();
    busy = await makeBusy(market, 1);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await market?.close();
  });

  it('follows a block while it is proven, also over a restart of the coordinator', async () => {
    const { driver } = market;
    const { page, complaints } = await openPage(browser);
    await page.goto(`${market.url}/#/block/${busy.openBlockId}`);
    await mainText(page, '0 of 3 ended');
    await page.getByText('● Live').waitFor();
    await bidAll(driver, busy.provers, busy.openRoundId, 3);
    await driver.advance(20_000);
    const jobIds = [...driver.state.blocks.get(busy.openBlockId)!.jobIds];
    const proveBy = async (jobId: string) => {
      const prover = busy.provers.get(driver.job(jobId).primary!.prover)!;
      await driver.prove(prover, jobId);
    };
    await proveBy(jobIds[0]!);
    await mainText(page, '1 of 3 ended');
    await market.restart(async () => {
      await page.getByText('Reconnecting').waitFor();
      await proveBy(jobIds[1]!);
    });
    await mainText(page, '2 of 3 ended');
    await page.getByText('● Live').waitFor();
    await proveBy(jobIds[2]!);
    expect(await mainText(page, 'completed')).toContain('Proven 3 of 3');
    await page.getByText(`Log checked: ${market.executor.journal.size()} entries`).waitFor();
    await closePage(page);
    expect(complaints).toEqual([]);
  });

  it('shows an entry that was tampered with as such, and agrees with nothing that follows from it', async () => {
    const roundId = `${busy.provenBlockId}.r0`;
    const { cleared } = await market.client.call('getRound', { params: { roundId } });
    const index = cleared!.entryIndex;
    const priceWei = cleared!.awards[0]!.priceWei;
    const dearer = (BigInt(priceWei) + 1_000n).toString();
    const tamper = 'UPDATE entries SET leaf = replace(leaf, $1, $2) WHERE index = $3';
    await market.database.pool.query(tamper, [`"priceWei":"${priceWei}"`, `"priceWei":"${dearer}"`, index]);
    const { page } = await openPage(browser);
    await page.goto(`${market.url}/#/log/${index}`);
    const row = page.locator(`tr[data-entry="${index}"]`);
    await row.getByText('✕ NO').waitFor();
    expect(await row.getAttribute('class')).toBe('bad-row');
    expect(await mainText(page, 'is not what the signed log holds')).toContain(
      'This is not the entry that the signed log',
    );
    await expect.poll(() => page.getByText('checking…').count(), WAIT).toBe(0);
    expect(await page.getByText('✕ NO').count()).toBe(1);
    await page.goto(`${market.url}/#/round/${roundId}`);
    const text = await mainText(page, 'It does not agree');
    expect(text).toContain('The rules and the log part');
    expect(text).toContain('They are not the entries of the signed log');
    await market.database.pool.query(tamper, [`"priceWei":"${dearer}"`, `"priceWei":"${priceWei}"`, index]);
    await closePage(page);
  });

  it('finds out a log that is rewritten under a good signature', async () => {
    const { page } = await openPage(browser);
    await page.goto(market.url);
    await page.getByText('Log checked').waitFor();
    const note = await market.client.call('getCheckpoint', {});
    const { origin, size } = parseCheckpoint(parseSignedNote(note)!.text)!;
    const forged = { origin, size, rootHash: new Uint8Array(32).fill(9), extensionLines: [] };
    const signer = { key: OPERATOR.verifierKey, sign: OPERATOR.sign };
    const body = signCheckpoint(forged, [signer]);
    await page.route('**/v1/log/checkpoint', (route) => route.fulfill({ body, contentType: 'text/plain' }));
    await page.reload();
    await page.getByText('entries were changed or taken away').waitFor();
    await page.getByText('✕ The log does not check').waitFor();
    await closePage(page);
  });
});
