import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** Where systems put Chromium. `CHROMIUM` names another place. */
const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** The system's Chromium; undefined when there is none. */
export const CHROMIUM = PLACES.find((path) => path !== undefined && path !== '' && existsSync(path));

if (!CHROMIUM) console.warn('No Chromium was found: the tests of the explorer are left out. CHROMIUM may name one.');

/** Starts a browser without a window. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page that keeps what it complains about: an error of a script, or something that the policy forbids. */
export async function openPage(browser: Browser, options: Parameters<Browser['newPage']>[0] = {}) {
  const page: Page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // The browser itself reports requests that fail while a coordinator is away.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  return { page, complaints };
}

/** Closes a page; what it was asking for just then is nobody's business any more. */
export async function closePage(page: Page): Promise<void> {
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.close();
}

/** Waits for a text on the page, and gives what stands in the main part as it is seen. */
export async function mainText(page: Page, text: string | RegExp): Promise<string> {
  await page.locator('main').getByText(text).first().waitFor();
  // biome-ignore lint/performance/useDomNodeTextContent: as it is seen, with spaces between cells
  return (await page.locator('main').innerText()).replace(/[\u202f\u2009\t\n ]+/g, ' ');
}

/** Opens a view in a fresh browser profile; `done` ends it and tells that nothing went wrong on the way. */
export async function openView(
  browser: Browser,
  url: string,
  hash: string,
  options: Parameters<typeof openPage>[1] = {},
) {
  const { page, complaints } = await openPage(browser, options);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${url}/${hash}`);
  const done = async () => {
    await closePage(page);
    expect(complaints).toEqual([]);
    expect(asked.filter((one) => !one.startsWith(`${url}/`))).toEqual([]);
  };
  return { page, asked, done };
}
