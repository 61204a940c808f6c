/** Roots of many accounts, made beside the writer: the same entry, whatever happens meanwhile. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ROOT_INLINE_MAX } from '#market/balanceRoot.js';
import type { Command } from '#market/command.js';
import { packEntitlements, packedBalanceTree } from '#protocol/packedBalanceTree.js';
import type { Address } from '#protocol/units.js';
import { createBalanceRooter, ROOT_ATTEMPTS_MAX, treeInThread } from '#queue/balanceRooter.js';
import { ChainDriver, EPOCH_MS } from '../setup/chainDriver.js';
import { replayFlaws, throughText } from '../setup/invariants.js';
import { MemoryExecutor } from '../setup/marketDriver.js';

let executor: MemoryExecutor;
let market: ChainDriver;
let asked: Command[];
const accountOf = (n: number): Address => `0x${(n + 1).toString(16).padStart(40, '0')}`;

beforeEach(async () => {
  executor = new MemoryExecutor();
  market = await new ChainDriver(executor).open();
  asked = [];
  for (let n = 0; n <= ROOT_INLINE_MAX; n += 1) await market.fund(accountOf(n), BigInt(n + 1));
  market.nowMs += EPOCH_MS;
});

/** @param meanwhile - what happens in the market while a tree is made */
function rooter(meanwhile: () => Promise<void> = async () => {}) {
  return createBalanceRooter({
    journal: {
      state: () => market.state,
      execute: async (command) => {
        asked.push(command);
        const done = await market.run(command);
        return {
          ok: true,
          accepted: { digest: '0x', firstIndex: 0, entryCount: done.ok ? done.entries.length : 0, atMs: 0 },
        };
      },
    },
    nowMs: () => market.nowMs,
    makeTree: async (entitlements) => {
      const tree = await treeInThread(entitlements);
      await meanwhile();
      return tree;
    },
  });
}

const prepared = () => asked.map((command) => 'prepared' in command);
const rootNow = () => market.state.settlement!.computed!;

/** The log replays, and its root is that of a tree made at once from what is in the state. */
function expectSound(): void {
  expect(replayFlaws(throughText(executor.entries))).toEqual([]);
  expect(executor.entries.filter(({ type }) => type === 'balanceRootComputed')).toHaveLength(1);
}

describe('a root of many accounts', () => {
  it('is committed with the tree that was made beside the writer', async () => {
    await rooter().compute();
    expect(prepared()).toEqual([true]);
    expect(rootNow().entitlements).toHaveLength((ROOT_INLINE_MAX + 1) * 36);
    expectSound();
  });

  it('holds what was moved while the tree was made', async () => {
    let times = 0;
    await rooter(async () => {
      times += 1;
      await market.fund(accountOf(3), 1_000n);
      await market.fund(accountOf(ROOT_INLINE_MAX), 5n);
    }).compute();
    expect([times, prepared()]).toEqual([1, [true]]);
    expectSound();
  });

  it('is made again when an account came meanwhile, and by the writer when one always does', async () => {
    let next = ROOT_INLINE_MAX + 1;
    await rooter(async () => {
      await market.fund(accountOf(next), 9n);
      next += 1;
    }).compute();
    expect(prepared()).toEqual([...Array(ROOT_ATTEMPTS_MAX).fill(true), false]);
    expectSound();
  });

  it('is computed once when two ask for it, and not before it is due', async () => {
    const one = rooter();
    await Promise.all([one.compute(), one.compute()]);
    await one.compute();
    expect(prepared()).toEqual([true, false]);
    expectSound();
  });
});

it('makes the same tree in a thread', async () => {
  const all = new Map(Array.from({ length: 50 }, (_, n) => [accountOf(n), BigInt(n + 1)]));
  expect(await treeInThread(all)).toEqual(packedBalanceTree(packEntitlements(all)));
});
