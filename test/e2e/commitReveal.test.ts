/** Sealed rounds as they are run: agents commit, are killed before they open, and the operator changes the rules. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { agentPaths } from '#agent/config.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const COMMAND = fileURLToPath(new URL('../../coordinator/cli/understudy.mjs', import.meta.url));
const run = promisify(execFile);

let market: LiveMarket;
let cheap: LiveAgent;
let dear: LiveAgent;

beforeAll(async () => {
  market = await LiveMarket.open({ parameters: { bidRevealMs: 60_000, leaseMs: 60_000 } });
  [cheap, dear] = await Promise.all([
    LiveAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n }),
    LiveAgent.start(market, { name: 'dear', priceWei: 1_500_000_000_000n }),
  ]);
});

afterAll(async () => {
  await market?.close();
});

/** Runs the command as the operator would, beside the running coordinator. */
async function understudy(...args: string[]): Promise<string> {
  const env = { ...process.env, DATABASE_URL: market.databaseUrl };
  return (await run(process.execPath, [COMMAND, ...args], { env })).stdout;
}

it('an agent that is killed between commitment and opening comes back, opens its bid and forfeits nothing', async () => {
  const order = await market.order(buildExampleBlock({ transfers: 2, seed: 21 }), {
    sealing: 'commitReveal',
    // Long enough for both to commit on a busy machine.
    bidWindowsMs: [12_000],
    roundPricesWei: [(10n ** 15n).toString()],
  });
  const blockId = await market.submit(order);
  await market.log.wait('bidCommitted', blockId, 2);
  await cheap.process.kill();
  await market.log.wait('bidsSealed', blockId);
  cheap.launch();
  const cleared = await market.log.wait('roundCleared', blockId);
  expect(cleared.bids.map(({ message }) => message.prover).sort()).toEqual(
    [cheap.account.address, dear.account.address].sort(),
  );
  expect(cleared.postings.map(({ why }) => why)).not.toContain('bidForfeited');
  await market.log.wait('blockCompleted', blockId);
  const receipts = agentPaths(join(market.folder, 'cheap')).receipts;
  expect(await understudy('check-bids', market.coordinator.url, '--receipts', receipts)).toMatch(
    /no bid was tampered with \([0-9]+ entries, [2-4] receipts\)/,
  );
  await market.expectSound();
});

it('the operator changes the parameters beside a running coordinator; agents and later rounds follow', async () => {
  await cheap.event('feedConnected');
  const dataDir = join(market.folder, 'market');
  const change = ['lateBps=1234', 'priorOnTimePpm=900000,930000,940000,945000,950000,960000'];
  const said = await understudy('parameters', 'set', ...change, '--reason', 'a test', '--data-dir', dataDir);
  expect(said).toMatch(/lateBps: 2000 -> 1234[\s\S]*version 2 is in force/);
  await until(async () => (await market.client().call('getMarket', {})).parametersVersion === 2, 'the new version');
  await dear.event('parametersSet');
  const shown = await understudy('parameters', 'show', '--coordinator', market.coordinator.url);
  expect(JSON.parse(shown)).toMatchObject({ version: 2, parameters: { lateBps: 1234 } });
  await expect(
    understudy('parameters', 'set', 'latenessPct=100,150', '--reason', 'wrong', '--data-dir', dataDir),
  ).rejects.toThrow(/one length/);
  const order = await market.order(buildExampleBlock({ transfers: 2, seed: 22 }), {
    bidWindowsMs: [2_000, 2_000, 2_000],
  });
  const blockId = await market.submit(order);
  expect((await market.log.wait('roundOpened', blockId)).parametersVersion).toBe(2);
  await market.log.wait('blockCompleted', blockId);
  await market.expectSound();
});
