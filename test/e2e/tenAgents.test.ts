/**
 * Ten agents of different kinds on one machine bring a block of 64 transfers in time: laptops with snarkjs, fast native
 * provers, one whose program dies at every third job, one that is killed itself, one that lies about its speed, two whose
 * clocks are five minutes off. What each agent says it has earned is what the ledger has.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { splitBlock } from '#market/splitBlock.js';
import type { Posting } from '#protocol/ledger.js';
import { BLOCK_64, BLOCK_64_ZK_PROOFS, ensureBlock64ZkProofs } from '../fixtures/block64.js';
import { LiveAgent, type LiveAgentOptions } from '../setup/liveAgents.js';
import { clockOff, LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; the block's own deadline bounds what is waited for.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const BLOCK_WITHIN_MS = 200_000;
const GWEI = 1_000_000_000n;
const PROGRAM = fileURLToPath(new URL('../../coordinator/cli/understudy.mjs', import.meta.url));
const preparedProver = fileURLToPath(new URL('../fixtures/provers/preparedProver.mjs', import.meta.url));

let market: LiveMarket;
const agents = new Map<string, LiveAgent>();
/** Agents that are started again when they die, as by systemd. */
const supervised = new Set<string>();
let restarts = 0;
let isOver = false;

/** A native prover of so many milliseconds. */
function native(name: string, behaviour: string, ms: number): string[] {
  const count = join(market.folder, `${name}.count`);
  const files = [BLOCK_64_ZK_PROOFS, count].map((file) => `"${file}"`).join(' ');
  const program = `"${process.execPath}" "${preparedProver}" ${behaviour} ${ms} ${files}`;
  return ['--backend', `transferRollup=${program} {zkey} {witness} {zkProof}`];
}

function kinds(): LiveAgentOptions[] {
  const priced = (name: string, gwei: number, more: Partial<LiveAgentOptions> = {}): LiveAgentOptions => {
    return { name, priceWei: BigInt(gwei) * GWEI, measuredMs: null, ...more };
  };
  return [
    priced('liar', 800, { slots: 2, flags: native('liar', 'liar', 8_000) }),
    priced('agentKiller', 900, { flags: native('agentKiller', 'agentKiller', 300) }),
    priced('flaky', 1_000, { flags: native('flaky', 'flaky', 300) }),
    priced('ahead', 1_100, { flags: native('ahead', 'honest', 500), environment: clockOff(300_000) }),
    priced('behind', 1_150, { flags: native('behind', 'honest', 500), environment: clockOff(-300_000) }),
    priced('rack', 1_200, { slots: 3, flags: native('rack', 'honest', 1_000) }),
    priced('laptop', 700),
    priced('tower', 1_250, { flags: ['--threads', '2'] }),
    priced('slow', 1_300, { flags: [...native('slow', 'honest', 300), '--handicap', '4'] }),
    priced('dear', 5_000, { slots: 2, flags: native('dear', 'honest', 200) }),
  ];
}

beforeAll(async () => {
  await ensureBlock64ZkProofs();
  market = await LiveMarket.open();
  // One after the other: each measures itself at its start, which the others would disturb.
  for (const kind of kinds()) agents.set(kind.name, await LiveAgent.start(market, kind));
  supervised.add('agentKiller');
  void supervise();
});

afterAll(async () => {
  isOver = true;
  await market?.close();
});

async function supervise(): Promise<void> {
  while (!isOver) {
    for (const name of supervised) {
      const agent = agents.get(name)!;
      if (agent.process.end === null || isOver) continue;
      restarts += 1;
      agent.launch();
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** What the log's postings bring an account beside deposits, counted here by itself. */
function earnedByLog(address: string): bigint {
  let sumWei = 0n;
  for (const { entry } of market.log.seen) {
    for (const { from, to, amountWei } of 'postings' in entry ? (entry.postings as Posting[]) : []) {
      if (from === 'outside') continue;
      if (to.endsWith(`:${address}`)) sumWei += BigInt(amountWei);
      if (from.endsWith(`:${address}`)) sumWei -= BigInt(amountWei);
    }
  }
  return sumWei;
}

interface Shown {
  earnedWei: string;
  freeWei: string;
  bondedWei: string;
  equalsLedger: boolean;
}

async function shownEarnings(agent: LiveAgent): Promise<Shown> {
  const flags = ['--coordinator', market.coordinator.url, '--key-file', join(market.folder, nameOf(agent), 'key.json')];
  const run = promisify(execFile)(process.execPath, [PROGRAM, 'agent', 'earnings', '--json', ...flags], {
    env: { ...process.env, UNDERSTUDY_PREPARED: '1' },
  });
  return JSON.parse((await run).stdout) as Shown;
}

const nameOf = (agent: LiveAgent) => [...agents].find(([, one]) => one === agent)![0];

it('prove a block of 64 transfers in time, and each has earned what it says', async () => {
  const order = await market.order(BLOCK_64, {
    deadlineMs: Date.now() + BLOCK_WITHIN_MS,
    bidWindowsMs: [5_000, 5_000, 5_000],
    // Nobody wins more than a quarter, so that many are needed.
    maxOwnerShareBps: 2_500,
    backup: 'required',
  });
  await market.submit(order);
  const completed = await market.log.wait('blockCompleted', order.blockId, 1, BLOCK_WITHIN_MS + 30_000);
  expect(completed).toMatchObject({ proven: 32, expired: 0 });
  expect(completed.atMs).toBeLessThan(Number(order.message.deadlineMs));

  const [cleared] = market.log.all('roundCleared', order.blockId);
  expect(cleared!.bids).toHaveLength(10);
  // What was to go wrong did: otherwise this would be a test of good days.
  const callsOf = (name: string) => statSync(join(market.folder, `${name}.count`)).size;
  expect(callsOf('agentKiller')).toBeGreaterThanOrEqual(3);
  expect(restarts).toBeGreaterThanOrEqual(1);
  expect(callsOf('flaky')).toBeGreaterThanOrEqual(3);
  expect(callsOf('liar')).toBeGreaterThanOrEqual(1);
  const deliverers = new Set(market.log.all('proofAccepted', order.blockId).map(({ prover }) => prover));
  expect(deliverers.size).toBeGreaterThanOrEqual(4);

  let earnedWei = 0n;
  for (const agent of agents.values()) {
    const shown = await shownEarnings(agent);
    expect(shown, nameOf(agent)).toMatchObject({ equalsLedger: true, bondedWei: '0' });
    expect(BigInt(shown.earnedWei), nameOf(agent)).toBe(earnedByLog(agent.account.address));
    expect(BigInt(shown.freeWei), nameOf(agent)).toBe(await market.freeWei(agent.account.address, true));
    earnedWei += BigInt(shown.earnedWei);
  }
  // The requester pays what all of them earn: nothing is made or lost between.
  expect(earnedWei).toBe(-earnedByLog(market.requester.address));
  await market.expectSound();
});

it('are told that their clock is wrong, when it is', async () => {
  for (const [name, aheadMs] of [
    ['ahead', 300_000],
    ['behind', -300_000],
  ] as const) {
    const told = await agents.get(name)!.event('clockDiffers');
    expect(Math.abs(Number(told.aheadMs) - aheadMs)).toBeLessThan(60_000);
  }
});

it('leave no private input on their disks and no key outside its file, and say neither', async () => {
  const split = splitBlock(BLOCK_64);
  if (!split.ok) throw new Error(split.detail);
  const inputs = split.jobs
    .flatMap(({ witnessInput }) => witnessInput.signatureS)
    .filter((number) => number.length > 20);
  expect(inputs.length).toBeGreaterThan(32);
  for (const [name, agent] of agents) {
    const folder = join(market.folder, name);
    const key = (JSON.parse(readFileSync(join(folder, 'key.json'), 'utf8')).privateKey as string).slice(2);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const kept = files.filter(({ name }) => name !== 'key.json').map((file) => join(file.parentPath, file.name));
    const { lines, texts } = agent.process;
    for (const text of [JSON.stringify([lines, texts]), ...kept.map((path) => readFileSync(path, 'latin1'))]) {
      expect(text.includes(key), name).toBe(false);
      expect(
        inputs.some((number) => text.includes(number)),
        name,
      ).toBe(false);
    }
    expect(
      kept.filter((path) => path.endsWith('.wtns')),
      name,
    ).toEqual([]);
  }
});
