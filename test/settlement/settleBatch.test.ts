/** Batches of zkProofs: what is credited, what is skipped, and every way in which a bad zkProof could hide among good ones. */

import { readFileSync } from 'node:fs';
import { add, type G1, neg } from 'mcl-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { rerandomise, writeG1, writeG2 } from '#cli/bench/rerandomise.js';
import { makeTrapdoorKey, type TrapdoorKey } from '#cli/bench/trapdoorKey.js';
import { FQ_MODULUS } from '#protocol/strictReader.js';
import type { Address } from '#protocol/units.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { g1FromPoint, loadBn254 } from '#verifier/bn254.js';
import { block8Samples } from '../fixtures/block8.js';
import { tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { strayTwistPoint } from '../verifier/twistPoints.js';
import { JobSet, type ProvenJob, setIdOf } from './jobSets.js';
import { anvilAccount, Chain, EXIT_DELAY_SEC, Settlement } from './settlementChain.js';

const [user, payee, other] = [1, 2, 3].map((index) => anvilAccount(index).address) as [Address, Address, Address];

let chain: Chain;
let key: TrapdoorKey;
let settlement: Settlement;
let setCount = 0;

beforeAll(async () => {
  await loadBn254();
  key = makeTrapdoorKey(3, 11n);
  chain = await Chain.start();
  settlement = await Settlement.deploy(chain);
  await settlement.depositEth(user, 10n ** 18n);
});
afterAll(() => chain.node.stop());

/** `count` jobs, each another statement, of `payee` unless said otherwise, of 100, 101, ... wei. */
function jobsOf(count: number, payeeAt: (index: number) => Address = () => payee): ProvenJob[] {
  return Array.from({ length: count }, (_, index) => {
    const publicSignals = [index, index * index + 7, 5].map(String);
    const zkProof = key.prove(publicSignals, BigInt(1_000 * setCount + index + 1));
    return { publicSignals, zkProof, payee: payeeAt(index), amountWei: 100n + BigInt(index) };
  });
}

/** A set of these jobs, committed, so that it can be settled. */
async function committed(jobs: readonly ProvenJob[], verificationKey = key.verificationKey): Promise<JobSet> {
  setCount += 1;
  const set = new JobSet(setIdOf(setCount), verificationKey, jobs);
  await set.commit(settlement);
  return set;
}

const earnedWei = async (account: Address): Promise<bigint> =>
  (await settlement.call<[bigint, bigint]>('earnings', [account]))[0];

/** Settles and says what `account` earned by it. */
async function earnedBy(batch: readonly unknown[], account = payee): Promise<bigint> {
  const before = await earnedWei(account);
  await settlement.send(user, 'settleBatch', batch);
  return (await earnedWei(account)) - before;
}

describe('a batch of valid zkProofs', () => {
  it.each([1, 2, 3, 5, 8])('of %s credits its payee with all of them, once', async (count) => {
    const set = await committed(jobsOf(count));
    expect(await earnedBy(set.batch())).toBe(set.root.sumWei);
    expect(await settlement.call('openBits', [set.setId, 0n])).toBe(0n);
    const { events } = await settlement.send(user, 'settleBatch', set.batch());
    expect(events).toEqual([]);
    expect(await earnedBy(set.batch())).toBe(0n);
  });

  it('credits each payee with its own, however they are mixed', async () => {
    const payees = [payee, other, payee, payee, user, other];
    const set = await committed(jobsOf(6, (index) => payees[index]!));
    const before = await Promise.all([payee, other, user].map(earnedWei));
    await settlement.send(user, 'settleBatch', set.batch());
    const after = await Promise.all([payee, other, user].map(earnedWei));
    expect(after.map((wei, index) => wei - before[index]!)).toEqual([100n + 102n + 103n, 101n + 105n, 104n]);
  });

  it('may be any aligned part of its set; what is settled is skipped, its zkProof unread', async () => {
    const set = await committed(jobsOf(11));
    expect(await earnedBy(set.batch(5, 1))).toBe(105n);
    expect(await earnedBy(set.batch(8, 3))).toBe(108n + 109n + 110n);
    const garbage: Groth16ZkProof = { ...set.jobs[5]!.zkProof, pi_a: ['7', '7', '1'] };
    const jobs = set.jobs.map((job, index) => (index === 5 ? { ...job, zkProof: garbage } : job));
    const { events } = await settlement.send(user, 'settleBatch', set.batch(4, 4, jobs));
    expect(events).toMatchObject([
      { eventName: 'JobsSettled', args: { firstIndex: 4n, settledBits: 0b1101n, amountWei: 104n + 106n + 107n } },
    ]);
    expect(await settlement.call('openBits', [set.setId, 0n])).toBe(0b1111n);
    expect(await earnedBy(set.batch())).toBe(100n + 101n + 102n + 103n);
  });

  it('reaches beyond the first 256 items of a set', async () => {
    // Items of one statement and one zkProof: an item is an index, not a statement.
    const [job] = jobsOf(1);
    const set = await committed(Array.from({ length: 260 }, () => job!));
    expect(await earnedBy(set.batch(256, 4))).toBe(400n);
    expect(await earnedBy(set.batch(256, 2))).toBe(0n);
    expect(await earnedBy(set.batch(0, 2))).toBe(200n);
    expect(await settlement.call('openBits', [set.setId, 1n])).toBe(0n);
    expect(await settlement.call('openBits', [set.setId, 0n])).toBe((1n << 256n) - 4n);
  });

  it('is settled in exit too, when a root was posted behind its commit', async () => {
    const own = await Settlement.deploy(chain);
    await own.depositEth(user, 1_000n);
    const set = new JobSet(setIdOf(1), key.verificationKey, jobsOf(2));
    await set.commit(own);
    await chain.pass(EXIT_DELAY_SEC + 1n);
    await own.send(user, 'settleBatch', set.batch());
    expect(await own.call('earnings', [payee])).toEqual([201n, 0n]);
    settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 10n ** 18n);
  });
});

describe('earnings', () => {
  it('are paid to the payee, whoever sends for them, and once', async () => {
    const account: Address = `0x${'c0ffee'.padStart(40, '0')}`;
    const set = await committed(jobsOf(4, () => account));
    await settlement.send(user, 'settleBatch', set.batch(0, 2));
    await settlement.send(other, 'payEarnings', [account]);
    expect(await settlement.balanceWei(account)).toBe(201n);
    expect(await settlement.refusal(other, 'payEarnings', [account])).toBe('NothingToPay');
    await settlement.send(user, 'settleBatch', set.batch(2, 2));
    await settlement.send(user, 'payEarnings', [account]);
    expect(await settlement.balanceWei(account)).toBe(406n);
    expect(await settlement.call('earnings', [account])).toEqual([406n, 406n]);
  });
});

describe('real circuits', () => {
  it('settles the zkProofs of the tiny circuit, as snarkjs made them and re-randomised', async () => {
    const verificationKey = tinyKey('groth16');
    const samples = tinySamples('groth16');
    const jobs = Array.from({ length: 16 }, (_, index) => {
      const { publicSignals, zkProof } = samples[index % samples.length]!;
      const fresh = rerandomise(zkProof, verificationKey.vk_delta_2, BigInt(index + 2), BigInt(index) ** 9n);
      return { publicSignals, zkProof: index < samples.length ? zkProof : fresh, payee, amountWei: 5n };
    });
    const set = await committed(jobs, verificationKey);
    expect(await earnedBy(set.batch())).toBe(80n);
  });

  it('settles the example block of the rollup circuit under its committed key', async () => {
    const verificationKey = JSON.parse(readFileSync(circuitFiles().verificationKey, 'utf8'));
    const jobs = (await block8Samples()).map((sample) => ({ ...sample, payee, amountWei: 9n }));
    const set = await committed(jobs, verificationKey);
    expect(await earnedBy(set.batch())).toBe(36n);
  });
});

/** What a batch of four is refused for when its zkProofs are these. */
async function refusalOf(change: (zkProofs: Groth16ZkProof[]) => void): Promise<string | undefined> {
  const set = await committed(jobsOf(4));
  const zkProofs = set.jobs.map(({ zkProof }) => structuredClone(zkProof));
  change(zkProofs);
  const jobs = set.jobs.map((job, index) => ({ ...job, zkProof: zkProofs[index]! }));
  const refusal = await settlement.refusal(user, 'settleBatch', set.batch(0, 4, jobs));
  // The set is not spent by the attempt: the honest zkProofs still settle it.
  expect(await earnedBy(set.batch())).toBe(set.root.sumWei);
  return refusal;
}

const point = ([x, y]: readonly string[]): G1 => g1FromPoint([x!, y!, '1'])!;

describe('a batch is refused whole', () => {
  it('for another zkProof in a place: swapped, given twice, of another statement', async () => {
    expect(await refusalOf((all) => all.reverse())).toBe('InvalidZkProofs');
    expect(await refusalOf((all) => all.splice(0, 2, all[1]!, all[0]!))).toBe('InvalidZkProofs');
    expect(await refusalOf((all) => all.splice(3, 1, all[0]!))).toBe('InvalidZkProofs');
    expect(await refusalOf((all) => all.splice(0, 1, key.prove(['9', '9', '9'], 4n)))).toBe('InvalidZkProofs');
  });

  it.each([0, 3])('for any changed coordinate of item %s', async (index) => {
    const plusOne = (decimal: string) => ((BigInt(decimal) + 1n) % FQ_MODULUS).toString();
    for (const change of [
      (one: Groth16ZkProof) => (one.pi_a[0] = plusOne(one.pi_a[0])),
      (one: Groth16ZkProof) => (one.pi_a[1] = plusOne(one.pi_a[1])),
      (one: Groth16ZkProof) => (one.pi_b[0][0] = plusOne(one.pi_b[0][0])),
      (one: Groth16ZkProof) => (one.pi_b[1][1] = plusOne(one.pi_b[1][1])),
      (one: Groth16ZkProof) => (one.pi_c[0] = plusOne(one.pi_c[0])),
      (one: Groth16ZkProof) => (one.pi_c[1] = plusOne(one.pi_c[1])),
    ]) {
      expect(await refusalOf((all) => change(all[index]!))).toBe('InvalidZkProofs');
    }
  });

  it.each([0, 3])('for a coordinate of item %s plus the modulus, which names the same point', async (index) => {
    const alias = (decimal: string) => (BigInt(decimal) + FQ_MODULUS).toString();
    for (const change of [
      (one: Groth16ZkProof) => (one.pi_a[0] = alias(one.pi_a[0])),
      (one: Groth16ZkProof) => (one.pi_a[1] = alias(one.pi_a[1])),
      (one: Groth16ZkProof) => (one.pi_b[0][1] = alias(one.pi_b[0][1])),
      (one: Groth16ZkProof) => (one.pi_c[0] = alias(one.pi_c[0])),
      (one: Groth16ZkProof) => (one.pi_c[1] = alias(one.pi_c[1])),
    ]) {
      expect(await refusalOf((all) => change(all[index]!))).toBe('InvalidZkProofs');
    }
  });

  it.each([0, 3])('for a point of item %s that is negated, or outside the subgroup', async (index) => {
    const minus = (decimal: string) => (FQ_MODULUS - BigInt(decimal)).toString();
    expect(await refusalOf((all) => (all[index]!.pi_a[1] = minus(all[index]!.pi_a[1])))).toBe('InvalidZkProofs');
    expect(await refusalOf((all) => (all[index]!.pi_b = writeG2(strayTwistPoint(5n))))).toBe('InvalidZkProofs');
  });

  it('for errors that cancel: C plus D here, C minus D there, and the same of A', async () => {
    const error = point(key.prove(['1', '2', '3'], 77n).pi_c);
    const cancelling = (name: 'pi_a' | 'pi_c', first: number, second: number) => (all: Groth16ZkProof[]) => {
      all[first]![name] = writeG1(add(point(all[first]![name]), error));
      all[second]![name] = writeG1(add(point(all[second]![name]), neg(error)));
    };
    for (const [first, second] of [
      [0, 1],
      [1, 0],
      [2, 3],
    ] as const) {
      expect(await refusalOf(cancelling('pi_c', first, second))).toBe('InvalidZkProofs');
      expect(await refusalOf(cancelling('pi_a', first, second))).toBe('InvalidZkProofs');
    }
  });
});

describe('another deployment', () => {
  it('takes nothing that was committed here', async () => {
    const set = await committed(jobsOf(2));
    const there = await Settlement.deploy(chain);
    await there.depositEth(user, 1_000n);
    await there.postRoot();
    const elsewhere = new JobSet(setIdOf(9_999), key.verificationKey, set.jobs);
    await elsewhere.commit(there);
    expect(await there.refusal(user, 'settleBatch', set.batchWith({ keyAt: elsewhere.keyAt }))).toBe('WrongJobSet');
    await there.send(user, 'settleBatch', elsewhere.batch());
  });
});
