/** Blocks that the contract settles, with real zkProofs of the tests' tiny circuit, on a real node. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Command } from '#market/command.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf } from '#protocol/verificationKey.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH, MarketDriver, party } from '../setup/marketDriver.js';

const SAMPLES = tinySamples('groth16');
const KEY = tinyKey('groth16');
const CIRCUIT_ID = circuitIdOf(KEY);
const requester = party(1);
const PROVER_SEED = 10;

let market: ChainMarket;
let driver: MarketDriver;

beforeEach(() => begin(3));

/** Opens a market whose requester and prover have money. */
async function begin(confirmations: number): Promise<void> {
  market = await ChainMarket.open({ confirmations });
  driver = new MarketDriver({
    state: () => market.journal.state(),
    execute: async (command, digest, nowMs) => {
      market.nowMs = Math.max(market.nowMs, nowMs);
      const jobInputs = command.kind === 'submitBlock' ? command.jobs.map((_, index) => ({ index })) : [];
      const outcome = await market.journal.execute(command, digest, { jobInputs });
      return outcome.ok ? { ok: true, entries: [] } : { ok: false, code: outcome.rejection.code };
    },
  });
  const artifact = { sha256: `0x${'00'.repeat(32)}` as Hex, bytes: 1 };
  const kinds = { name: 'tiny', kind: 'generic' as const, protocol: 'groth16' as const, signalCount: 3 };
  const files = { verificationKey: KEY as never, wasm: artifact, zkey: artifact, samples: [] };
  await driver.run({
    kind: 'registerCircuit',
    circuit: { circuitId: CIRCUIT_ID, ...kinds, ...files },
    registration: null,
  });
  await market.deposit(chainAccount(1).address, 50n * ETH);
  await market.deposit(chainAccount(PROVER_SEED).address, 50n * ETH, chainAccount(PROVER_SEED));
  await market.mine(confirmations - 1);
  await market.service.look();
  await driver.prover(PROVER_SEED, undefined, 0n);
}

afterEach(async () => {
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
});

/** A block over all samples, proven by one prover; `zkProofOf` says what it delivers for a job. */
async function settledBlock(zkProofOf: (index: number) => Groth16ZkProof): Promise<Hex> {
  const prover = party(PROVER_SEED);
  const message = await driver.request(requester, { circuitId: CIRCUIT_ID, settlement: 'chain', backup: 'none' });
  const { digest: blockId, signature } = await requester.sign('BlockRequest', message);
  const jobs = SAMPLES.map(({ publicSignals }) => ({ publicSignals, inputHash: `0x${'dd'.repeat(32)}` as Hex }));
  await driver.run({ kind: 'submitBlock', message, signature, digest: blockId, jobs }, blockId);
  await driver.bid(prover, `${blockId}.r0`, { priceWei: 1_000n, provingMsP95: 10 });
  await driver.advance(1_000);
  for (const [index, { publicSignals }] of SAMPLES.entries()) {
    const jobId = `${blockId}.${index}`;
    const zkProof = zkProofOf(index) as never as Record<string, unknown>;
    const delivery = { jobId, prover: prover.address, contentHash: contentHashOf({ publicSignals, zkProof }) };
    const signed = await prover.sign('ProofSubmission', delivery);
    const command: Command = { kind: 'submitProof', message: delivery, ...signed, publicSignals, zkProof };
    await driver.run(command, signed.digest);
    await driver.judge(jobId, signed.digest, true);
  }
  market.nowMs = driver.nowMs;
  await driver.run({ kind: 'commitJobSet', setId: blockId });
  return blockId;
}

const earnedWei = async () => (await market.read<[bigint, bigint]>('earnings', [party(PROVER_SEED).address]))[0];
const owedWei = (blockId: Hex) =>
  market.settlement.sets.get(blockId)!.items.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);

async function lookAndMine(times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await market.service.look();
    await market.mine(1);
  }
}

it('are committed before the root that no longer holds their money, and paid in one call', async () => {
  const blockId = await settledBlock((index) => SAMPLES[index]!.zkProof);
  const owed = owedWei(blockId);
  await market.service.look();
  expect(await market.read('committedWei')).toBe(owed);
  expect(await earnedWei()).toBe(0n);
  await market.passEpoch();
  await lookAndMine(8);
  expect(await earnedWei()).toBe(owed);
  expect(market.settlement.sets.size).toBe(0);
  expect(market.settlement.posted!.sumWei).toBe(100n * ETH - owed);
});

/** Lets a transaction of the newest block get as old as a reorganisation is deep, then replaces its block by empty ones. */
async function reorganise(depth: number): Promise<void> {
  await market.mine(depth - 1);
  await market.client.request({ method: 'anvil_reorg' as never, params: [depth, []] as never });
}

/** Looks until something is on the chain, a few times at most: the first look may only find out that its node has forgotten. */
async function lookUntil(isThere: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 6 && !(await isThere()); look += 1) {
    await market.service.look();
    // Just after a reorganisation this node sometimes keeps a transaction until it is asked for a block.
    if (!(await isThere()) && (await market.client.getTxpoolStatus()).pending > 0) await market.mine(1);
  }
}

it('survive reorganisations of their commit and of their settlement, at every depth before they are final', async () => {
  const [depthMax, confirmations] = [20, 21];
  await market.close();
  await begin(confirmations);
  await market.mine(depthMax);
  const blockId = await settledBlock((index) => SAMPLES[index]!.zkProof);
  const owed = owedWei(blockId);
  await market.service.look();
  for (let depth = 1; depth <= depthMax; depth += 1) {
    expect({ depth, committed: await market.read('committedWei') }).toEqual({ depth, committed: owed });
    await reorganise(depth);
    expect({ depth, committed: await market.read('committedWei') }).toEqual({ depth, committed: 0n });
    await lookUntil(async () => (await market.read('committedWei')) !== 0n);
  }
  await market.passEpoch();
  await market.mine(confirmations);
  const untilPaid = () => lookUntil(async () => (await earnedWei()) !== 0n);
  await untilPaid();
  for (let depth = 1; depth <= depthMax; depth += 1) {
    expect({ depth, earned: await earnedWei() }).toEqual({ depth, earned: owed });
    await reorganise(depth);
    expect({ depth, earned: await earnedWei() }).toEqual({ depth, earned: 0n });
    await untilPaid();
  }
  expect(await earnedWei()).toBe(owed);
  expect(market.settlement.sets.size).toBe(1);
  await market.mine(confirmations);
  await lookAndMine(4);
  expect(market.settlement.sets.size).toBe(0);
  expect(market.service.status()).toMatchObject({ failure: null, haltedReason: null });
});

it('are paid but for the one zkProof that the contract refuses, which is found by halves', async () => {
  const wrong = 5;
  const blockId = await settledBlock((index) => SAMPLES[index === wrong ? 0 : index]!.zkProof);
  const { items } = market.settlement.sets.get(blockId)!;
  const owed = owedWei(blockId);
  await market.passEpoch();
  await lookAndMine(14);
  expect(await earnedWei()).toBe(owed - BigInt(items[wrong]!.amountWei));
  const alarms = market.logged.filter(({ fields }) => fields.alarm === 'zkProofRefused');
  expect(alarms.map(({ fields }) => fields.index)).toEqual([wrong]);
  // Others are not held up by it.
  await market.passEpoch();
  expect(market.settlement.posted!.epoch).toBe(2);
});
