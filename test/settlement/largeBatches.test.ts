/** Sets whose batches do not fit in one transaction, by their gas or by their bytes, are settled in parts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTrapdoorKey } from '#cli/bench/trapdoorKey.js';
import type { JobSet as KnownSet, Settlement as KnownSettlement } from '#market/settlement.js';
import { signalsHash } from '#protocol/jobSet.js';
import type { Address, Hex } from '#protocol/units.js';
import { openBits } from '#settlement/chainTasks.js';
import { CALL_BYTES_MAX, settleCall } from '#settlement/settleCall.js';
import { loadBn254 } from '#verifier/bn254.js';
import { JobSet, type ProvenJob, setIdOf } from './jobSets.js';
import { anvilAccount, Chain, Settlement } from './settlementChain.js';

const user = anvilAccount(1).address;
let chain: Chain;
let settlement: Settlement;

beforeAll(async () => {
  await loadBn254();
  chain = await Chain.start();
  settlement = await Settlement.deploy(chain);
  await settlement.depositEth(user, 10n ** 18n);
});
afterAll(() => chain?.node.stop());

const wide = (index: number): Address => `0x${((0xfeedn << 144n) | BigInt(index + 1)).toString(16).padStart(40, '0')}`;

/** Commits a set of `count` jobs and settles it call by call, as the coordinator would. @returns the calls' sizes, in bytes */
async function settleAll(signals: number, count: number, payeeAt: (index: number) => Address): Promise<number[]> {
  const key = makeTrapdoorKey(signals, BigInt(signals));
  const jobs = Array.from({ length: count }, (_, index): ProvenJob => {
    const publicSignals = Array.from({ length: signals }, (_, at) =>
      String((1n << BigInt(200 + (at % 50))) | BigInt(index)),
    );
    const zkProof = key.prove(publicSignals, BigInt(index + 1));
    return { publicSignals, zkProof, payee: payeeAt(index), amountWei: 1_000n + BigInt(index) };
  });
  const set = new JobSet(setIdOf(signals), key.verificationKey, jobs);
  await set.commit(settlement);
  const circuitId: Hex = `0x${'cc'.repeat(32)}`;
  const items = jobs.map(({ publicSignals, payee, amountWei }, index) => {
    const jobId = `${set.setId}.${index}` as never;
    return { jobId, payee, amountWei: String(amountWei), signalsHash: signalsHash(publicSignals) };
  });
  const known: KnownSet = { setId: set.setId, circuitId, items, completedAtMs: 0, setRoot: set.root.hash, treeSize: 1 };
  const terms = { contract: settlement.address } as KnownSettlement['terms'];
  const task = { kind: 'settle' as const, set: known, first: 0 };
  const hopeless: number[] = [];
  const source = {
    circuit: () => ({ verificationKey: key.verificationKey as never }),
    zkProofs: async () => jobs.map(({ publicSignals, zkProof }) => ({ publicSignals: [...publicSignals], zkProof })),
    onHopeless: (_: KnownSet, index: number) => void hopeless.push(index),
    sender: user,
  };
  const sizes: number[] = [];
  while ((await openBits(chain.client as never, settlement.address, task)) !== 0n) {
    const call = (await settleCall(chain.client as never, { terms } as KnownSettlement, task, source))!;
    // `send` gives it no more gas than a transaction may have, and throws when that is too little.
    await settlement.send(user, call.functionName, call.args);
    sizes.push((call.data.length - 2) / 2);
  }
  expect(hopeless).toEqual([]);
  for (const payee of new Set(jobs.map((job) => job.payee))) {
    const owed = jobs.reduce((sum, job) => (job.payee === payee ? sum + job.amountWei : sum), 0n);
    expect((await settlement.call<[bigint, bigint]>('earnings', [payee]))[0]).toBe(owed);
  }
  return sizes;
}

it('of as many payees as items need more gas than a transaction has, and are halved', async () => {
  expect(await settleAll(2, 256, wide)).toHaveLength(2);
}, 120_000);

it('of many signals are longer than nodes pass on, and are halved until they are not', async () => {
  const sizes = await settleAll(64, 128, () => wide(1_000));
  expect(sizes.length).toBeGreaterThan(2);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(CALL_BYTES_MAX);
}, 120_000);
