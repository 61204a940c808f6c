/** A job that nobody can prove: real agents say so, the coordinator finds so too, and nobody pays. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openJournal } from '#journal/journal.js';
import { operatorKeysIn } from '#journal/operatorKey.js';
import { splitBlock } from '#market/splitBlock.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
let agents: LiveAgent[];

beforeAll(async () => {
  market = await LiveMarket.open();
  agents = await Promise.all([
    LiveAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n }),
    LiveAgent.start(market, { name: 'dear', priceWei: 2_000_000_000_000n }),
  ]);
});

afterAll(async () => {
  await market?.close();
});

/** Submits a block past the coordinator's own splitting, as one with a fault in it would: its only job has no witness. */
async function submitUnprovable(): Promise<string> {
  const order = await market.order(BLOCK_8, { backup: 'required', deadlineMs: Date.now() + 120_000 });
  const split = splitBlock(BLOCK_8);
  if (!split.ok) throw new Error(split.detail);
  const { publicSignals, witnessInput } = split.jobs[0]!;
  const input = { ...witnessInput, postStateRoot: '1' };
  const jobs = [{ publicSignals: [...publicSignals], inputHash: contentHashOf(input) }];
  const { message, blockId: digest } = order;
  const signature = order.signature as Hex;
  const journal = await openJournal({
    pool: market.pool,
    keys: operatorKeysIn(join(market.folder, 'market')),
    nowMs: () => Date.now(),
    log: { error: () => {} },
  });
  const command = { kind: 'submitBlock' as const, message, signature, digest, jobs };
  expect(await journal.execute(command, digest, { jobInputs: [input] })).toMatchObject({ ok: true });
  await journal.close();
  return digest;
}

it('ends as unsatisfiable; bonds, escrow and records are as if it had never been', async () => {
  const parties = [market.requester, ...agents.map(({ account }) => account)].map(({ address }) => address);
  const moneyOf = () => Promise.all(parties.map((address) => market.freeWei(address, true)));
  const before = await moneyOf();
  const blockId = await submitUnprovable();
  expect(await market.log.wait('blockCompleted', blockId, 1, 110_000)).toMatchObject({ proven: 0, expired: 1 });

  const [gaveUp] = market.log.all('gaveUp', blockId);
  expect(gaveUp!.message).toMatchObject({ reason: 'witnessFailed', prover: agents[0]!.account.address });
  expect(gaveUp!.message.detail).toMatch(/breaks a rule of the circuit/);
  expect(market.log.all('backupActivated', blockId)).toMatchObject([{ cause: 'gaveUp' }]);
  const [checked] = market.log.all('witnessChecked', blockId);
  expect(checked).toMatchObject({ satisfiable: false });
  expect(checked!.error).toMatch(/line \d+/);
  expect(market.log.all('jobExpired', blockId)).toMatchObject([{ reason: 'unsatisfiable' }]);
  expect(await moneyOf()).toEqual(before);
  expect((await market.pool.query('SELECT FROM prover_records')).rowCount).toBe(0);
  await market.expectSound();
});
