import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { CHROMIUM, mainText, openBrowser, openView } from './chromium.js';
import { makeOdd, NAMES, type OddMarket } from './oddMarket.js';

const PHONE = { viewport: { width: 360, height: 700 } };

let browser: Browser;

describe.skipIf(!CHROMIUM)('the explorer of a market in which everything has happened', () => {
  let market: ApiMarket;
  let odd: OddMarket;

  beforeAll(async () => {
    market = await openApiMarket();
    odd = await makeOdd(market);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    expect(market.failures).toEqual([]);
    await market?.close();
  });

  /** What stands in a view on a phone, which nothing may make wider. */
  async function read(hash: string, sign: string | RegExp): Promise<string> {
    const { page, done } = await openView(browser, market.url, hash, PHONE);
    const text = await mainText(page, sign);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    expect(await page.locator('img').count()).toBe(0);
    await done();
    return text;
  }

  it('tells how the pool delivered, and counts it for whoever did', async () => {
    const unsold = await read(`#/block/${odd.blocks.unsoldPooled}`, 'Where the money went');
    expect(unsold).toContain(`Block <b>"nobody" & 'all'</b> 0x`);
    expect(unsold).toMatch(/proven from the pool by 0x1a64…14f1 0x7dc0…400c for 0\.3\d+ ETH/);
    expect(unsold).toContain('and 1 from the pool');
    expect(await read(`#/block/${odd.blocks.waitingPool}`, 'Where the money went')).toMatch(
      /in the pool: nobody bought it; 1 commitment .*in the pool: nobody bought it; 0 commitments/,
    );
    expect(await read(`#/block/${odd.blocks.failedPooled}`, 'Where the money went')).toContain(
      'expired: nobody delivered before the deadline',
    );
    const prover = await read(`#/prover/${odd.provers[4]!.address}`, 'Newest jobs');
    expect(prover).toMatch(/0 from the pool 0\.3\d+ – – proven from the pool/);
    const overview = await read('', 'Newest blocks');
    expect(overview).toContain('and 2 waiting in the pool');
    expect(overview).toMatch(/0x1a64…14f1 0x7dc0…400c itself 3 0 2 1 50 %/);
    const requester = await read(`#/requester/${odd.requester.address}`, 'Spent at most');
    expect(requester).toMatch(/all'<\/b> \S+ \S+ 1 1 0 22\.0 s 1\.00000 0\.34021 0\.34021/);
  });

  it('tells how bids were opened, and which never were', async () => {
    const { page, done } = await openView(browser, market.url, `#/round/${odd.blocks.sealed}.r0`);
    const cleared = await mainText(page, 'It agrees');
    expect(cleared).toContain('2 of 2 bids carry their prover’s signature');
    expect(cleared).toContain('2 of them opened');
    expect(cleared).toMatch(
      /never opened their deposits went to the requester.* 0x1a64…14f1 0x7dc0…400c 0x[0-9a-f]{64}/,
    );
    await done();
    const revealing = await read(`#/round/${odd.blocks.revealing}.r0`, 'Sealed bids');
    expect(revealing).toMatch(/State (bids open for \S+ s|closing)/);
    expect(revealing).toMatch(/sealed by entry \d+\. Bids may be opened until/);
  });

  it('tells of blocks that were withdrawn, of jobs that wait, and of what broke a chain', async () => {
    const withdrawn = await read(`#/block/${odd.blocks.withdrawn}`, 'Where the money went');
    expect(withdrawn).toMatch(/withdrawn by its requester \d{4}-/);
    expect(withdrawn.match(/expired: its requester withdrew it/g)).toHaveLength(3);
    expect(await read(`#/round/${odd.blocks.withdrawn}.r0`, 'Sealed bids')).toContain('withdrawn by its requester');
    const waiting = await read(`#/block/${odd.blocks.waiting}`, 'Where the money went');
    expect(waiting).toMatch(/waits for 0 .*waits for 0, 1/);
    const chain = await read(`#/block/${odd.blocks.chain}`, 'Where the money went');
    expect(chain).toMatch(
      /nobody committed to it in the pool( \S+)* 2 (– )+expired: a job that had to come first expired/,
    );
  });

  it('tells of invalid zkProofs, silence and missed deadlines, and who paid', async () => {
    const trouble = await read(`#/block/${odd.blocks.troubled}`, 'Where the money went');
    expect(trouble).toContain('backup called: the primary’s zkProof was invalid');
    expect(trouble).toMatch(/bond of twin 0x093d…c12f requester slashed, to the requester/);
    expect(trouble).toMatch(/bond of 0x1a64…14f1 0x7dc0…400c twin 0x093d…c12f slashed, to the rescuer/);
  });

  it('holds the largest amounts and names that there can be, and takes names for text', async () => {
    expect(await read(`#/block/${odd.blocks.rich}`, 'Where the money went')).toContain('of 1.00000×10⁴⁰ ETH at most');
    for (const [at, name] of NAMES.entries()) {
      expect(await read(`#/prover/${odd.provers[at]!.address}`, 'Score')).toContain(name);
    }
  });

  it('has words for every entry of its log', async () => {
    const { page, done } = await openView(browser, market.url, '#/log/0');
    for (let windows = 0; ; windows += 1) {
      await page.getByText('checking…').first().waitFor({ state: 'detached' });
      expect(await mainText(page, '✓ yes')).not.toMatch(/does not know|✕/);
      const newer = page.getByRole('link', { name: 'Newer' }).first();
      if ((await newer.count()) === 0 || windows > 20) break;
      const [end] = await page.locator('[data-entry]').evaluateAll((rows) => rows.map((row) => row.dataset.entry));
      await newer.click();
      await page.locator(`[data-entry="${Number(end) + 1}"]`).waitFor();
    }
    expect(await mainText(page, '✓ yes')).toContain('a bid was opened: block');
    await done();
  });
});

describe.skipIf(!CHROMIUM)('the explorer of a market in which nothing has happened', () => {
  it('says so in every view', async () => {
    const market = await openApiMarket();
    browser = await openBrowser();
    const { page, done } = await openView(browser, market.url, '', PHONE);
    const text = await mainText(page, 'No block was submitted yet.');
    expect(text).toMatch(/No round is open.*No job was sold yet/);
    const nobody = `0x${'7'.repeat(40)}`;
    await page.goto(`${market.url}/#/prover/${nobody}`);
    expect(await mainText(page, 'No money has moved here')).toContain('Prover without registration');
    await page.goto(`${market.url}/#/requester/${nobody}`);
    await mainText(page, 'This account has submitted no block.');
    await page.goto(`${market.url}/#/log`);
    expect(await mainText(page, '✓ yes')).toContain('the market opened');
    await done();
    await browser.close();
    await market.close();
  });
});
