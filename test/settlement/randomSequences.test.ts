/**
 * Random calls, honest and not, against a model: after each of them the contract holds what the model says, and has paid and
 * credited everybody as the model says. At the end of each sequence the coordinator vanishes and everybody leaves: then the
 * contract holds nothing. A failure names its seed.
 */

import { type Abi, decodeErrorResult, decodeFunctionResult, type Hex } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTrapdoorKey, type TrapdoorKey } from '#cli/bench/trapdoorKey.js';
import { balanceLeaf, type Entitlement, inTreeOrder } from '#protocol/balanceTree.js';
import { verificationKeyWords } from '#protocol/jobSet.js';
import { sumTreeRoot, sumTreeSiblings } from '#protocol/sumTree.js';
import type { Address } from '#protocol/units.js';
import { loadBn254 } from '#verifier/bn254.js';
import { JobSet, type ProvenJob, setIdOf } from './jobSets.js';
import { anvilAccount, Chain, type Contract, EXIT_DELAY_SEC, Settlement, ZERO_WORD } from './settlementChain.js';
import { type ModelSet, type Outcome, SettlementModel } from './settlementModel.js';
import { deployTestContract } from './testTokens.js';

const SEQUENCES = 40;
/** Calls of a sequence while the market lives; those of its end come on top. */
const CALLS = 250;
const STEP_SEC = 5n;
const ACCOUNTS = Array.from({ length: 6 }, (_, i): Address => `0x${(0xacc0000 + i).toString(16).padStart(40, '0')}`);
const sender = anvilAccount(1).address;

let chain: Chain;
let settlement: Settlement;
let observer: Contract;
let key: TrapdoorKey;
let keyAt: Address;
let provenJobs: Omit<ProvenJob, 'payee' | 'amountWei'>[];

beforeAll(async () => {
  await loadBn254();
  chain = await Chain.start();
  settlement = await Settlement.deploy(chain);
  observer = await deployTestContract(chain, 'Observer', sender);
  key = makeTrapdoorKey(1, 3n);
  await settlement.send(sender, 'storeKey', [verificationKeyWords(key.verificationKey)]);
  keyAt = await settlement.call('keyAt', [new JobSet(setIdOf(0), key.verificationKey, []).keyHash]);
  provenJobs = Array.from({ length: 12 }, (_, index) => {
    const publicSignals = [String(index + 1)];
    return { publicSignals, zkProof: key.prove(publicSignals, BigInt(index + 50)) };
  });
});
afterAll(() => chain.node.stop());

/** One call of a sequence, with what the model says that it does, and what everybody has after it. */
interface Step {
  what: string;
  from: Address;
  data: Hex;
  valueWei: bigint;
  atSec: bigint;
  outcome: Outcome;
  after: { totals: bigint[]; isExit: boolean; amounts: bigint[] };
}

/** Numbers below 2^32 from a seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Makes up a sequence, and asks the model about each of its calls. */
class Sequence {
  readonly steps: Step[] = [];
  private readonly model = new SettlementModel();
  private readonly sets: { job: JobSet; model: ModelSet }[] = [];
  private readonly random: (below: number) => number;

  constructor(
    seed: number,
    private atSec: bigint,
  ) {
    this.random = randomOf(seed);
  }

  private amount = () => BigInt(1 + this.random(1_000));
  private pick = <T>(all: readonly T[]): T => all[this.random(all.length)]!;
  private oneIn = (count: number) => this.random(count) === 0;

  private push(what: string, args: readonly unknown[], outcome: Outcome, from = sender, valueWei = 0n): void {
    const { model } = this;
    const of = (map: Map<Address, bigint>, account: Address) => map.get(account) ?? 0n;
    const amounts = ACCOUNTS.flatMap((one) => [
      of(model.withdrawnWei, one),
      of(model.earnedWei, one),
      of(model.paidWei, one),
    ]);
    const totals = [model.holdingsWei, model.depositedWei, model.committedWei, model.epoch];
    const after = { totals, isExit: model.isExit, amounts };
    this.steps.push({ what, from, data: settlement.data(what, args), valueWei, atSec: this.atSec, outcome, after });
    this.atSec += STEP_SEC;
  }

  deposit(): void {
    const [account, amountWei] = [this.pick(ACCOUNTS), this.oneIn(10) ? 0n : this.amount()];
    this.push('deposit', [account, amountWei], this.model.deposit(account, amountWei), sender, amountWei);
  }

  /** Off chain: money moves in the ledger, as blocks are paid. */
  private spend(): void {
    const [payer, payee] = [this.pick(ACCOUNTS), this.pick(ACCOUNTS)];
    const amountWei = (this.model.spendableWei(payer) * BigInt(this.random(4))) / 4n;
    this.model.ledgerWei.set(payer, (this.model.ledgerWei.get(payer) ?? 0n) - amountWei);
    this.model.ledgerWei.set(payee, (this.model.ledgerWei.get(payee) ?? 0n) + amountWei);
  }

  postRoot(): void {
    for (let count = this.random(4); count > 0; count -= 1) this.spend();
    if (this.model.isExit) {
      this.pushRoot(this.model.epoch + 1n, [], this.model.root.creditedWei);
      return;
    }
    this.model.credit(this.random(4));
    const balances = [...this.model.ledgerWei].map(([account, cumulativeWei]) => ({ account, cumulativeWei }));
    const honest = inTreeOrder(balances);
    const lie = this.random(8);
    const { epoch } = this.model;
    if (lie === 0) {
      this.pushRoot(epoch + 2n, honest, this.model.creditedWei);
      return;
    }
    if (lie === 1) {
      const more = [...honest, { account: ACCOUNTS[0]!, cumulativeWei: 1n }];
      this.pushRoot(epoch + 1n, more, this.model.creditedWei);
      return;
    }
    if (lie === 2) {
      this.pushRoot(epoch + 1n, honest, this.model.depositedWei + 1n);
      return;
    }
    this.pushRoot(epoch + 1n, honest, this.model.creditedWei);
  }

  private pushRoot(epoch: bigint, entitlements: Entitlement[], creditedWei: bigint): void {
    const { hash, sumWei } = sumTreeRoot(entitlements.map(balanceLeaf));
    const root = { balanceRoot: hash, logRootHash: ZERO_WORD, sumWei, creditedWei, treeSize: 1n };
    const outcome = this.model.postRoot(epoch, entitlements, creditedWei);
    this.push('postRoot', [epoch, root], outcome, settlement.coordinator.address);
  }

  async withdraw(): Promise<void> {
    const account = this.pick(ACCOUNTS);
    const mostWei = this.model.vouchableWei(account);
    const cumulativeWei = this.oneIn(3) ? mostWei / 2n : mostWei;
    const isSigned = !this.oneIn(8);
    if (isSigned && cumulativeWei > (this.model.vouchers.get(account) ?? 0n))
      this.model.vouchers.set(account, cumulativeWei);
    const voucher = await settlement.voucher({ account, cumulativeWei });
    const args = isSigned ? voucher : [this.pick(ACCOUNTS.filter((one) => one !== account)), ...voucher.slice(1)];
    this.push('withdrawFor', args, this.model.withdraw(account, cumulativeWei, isSigned));
  }

  commit(): void {
    const payer = this.pick(ACCOUNTS);
    const shareWei = this.model.spendableWei(payer) / 8n;
    const jobs = Array.from({ length: 1 + this.random(5) }, () => {
      return { ...this.pick(provenJobs), payee: this.pick(ACCOUNTS), amountWei: shareWei };
    });
    if (shareWei === 0n) {
      this.deposit();
      return;
    }
    const job = new JobSet(setIdOf(this.sets.length + 1), key.verificationKey, jobs);
    [job.keyAt, job.committedEpoch] = [keyAt, this.model.epoch];
    const items = jobs.map(({ payee, amountWei }) => ({ payee, amountWei, isOpen: true }));
    const set: ModelSet = { committedEpoch: this.model.epoch, items };
    const outcome = this.model.commit(set);
    if (outcome === null) {
      this.sets.push({ job, model: set });
      this.model.ledgerWei.set(payer, this.model.ledgerWei.get(payer)! - shareWei * BigInt(jobs.length));
    }
    const args = [job.setId, job.root.hash, job.root.sumWei, BigInt(jobs.length)];
    this.push('commitJobSet', args, outcome, settlement.coordinator.address);
  }

  settle(): void {
    if (this.sets.length === 0) {
      this.deposit();
      return;
    }
    const { job, model } = this.pick(this.sets);
    const width = 2 ** this.random(4);
    const first = Math.floor(this.random(job.jobs.length) / width) * width;
    const count = Math.min(width, job.jobs.length - first);
    const isValid = !this.oneIn(5);
    const wrong = job.jobs.map((one) => ({ ...one, zkProof: { ...one.zkProof, pi_c: provenJobs[0]!.zkProof.pi_a } }));
    const args = job.batch(first, count, isValid ? job.jobs : wrong);
    this.push('settleBatch', args, this.model.settle(model, first, count, isValid));
  }

  payEarnings(): void {
    const payee = this.pick(ACCOUNTS);
    this.push('payEarnings', [payee], this.model.payEarnings(payee));
  }

  private pushClaim(index: number, isProven: boolean): void {
    const { entitlements } = this.model.root;
    const { account, cumulativeWei } = entitlements[index]!;
    const siblings = sumTreeSiblings(entitlements.map(balanceLeaf), index);
    const args = [account, cumulativeWei + (isProven ? 0n : 1n), BigInt(index), siblings];
    this.push('claim', args, this.model.claim(index, isProven));
  }

  claim(): void {
    const { length } = this.model.root.entitlements;
    if (length === 0) {
      this.deposit();
      return;
    }
    this.pushClaim(this.random(length), !this.oneIn(4));
  }

  refund(): void {
    if (this.model.deposits.length === 0) {
      this.deposit();
      return;
    }
    const deposit = this.pick(this.model.deposits);
    const { account, startWei, amountWei } = deposit;
    this.push('refundDeposit', [account, startWei, amountWei], this.model.refund(deposit));
  }

  async any(): Promise<void> {
    const calls = [
      this.deposit,
      this.deposit,
      this.postRoot,
      this.postRoot,
      this.withdraw,
      this.withdraw,
      this.commit,
      this.settle,
      this.settle,
      this.payEarnings,
      this.claim,
      this.refund,
    ];
    await this.pick(calls).call(this);
  }

  /** The coordinator vanishes: after some more calls of any kind, everybody takes what is theirs. */
  async end(): Promise<void> {
    this.atSec += EXIT_DELAY_SEC + 1n;
    this.model.isExit = true;
    for (let count = 0; count < 20; count += 1) await this.any();
    this.model.root.entitlements.forEach((_, index) => {
      this.pushClaim(index, true);
    });
    for (const deposit of this.model.deposits) {
      const { account, startWei, amountWei } = deposit;
      this.push('refundDeposit', [account, startWei, amountWei], this.model.refund(deposit));
    }
    for (const { job, model } of this.sets) {
      this.push('settleBatch', job.batch(), this.model.settle(model, 0, job.jobs.length, true));
    }
    for (const payee of ACCOUNTS) this.push('payEarnings', [payee], this.model.payEarnings(payee));
    expect(this.model.holdingsWei).toBe(0n);
  }
}

interface SimulatedCall {
  status: Hex;
  returnData: Hex;
}

/** Runs the steps one after another, each in a block of its own with a look at everybody behind it. */
async function run(steps: readonly Step[]): Promise<void> {
  const look = observer.data('look', [settlement.address, ACCOUNTS]);
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  const blockStateCalls = steps.map(({ from, data, valueWei, atSec }) => ({
    blockOverrides: { time: hex(atSec) },
    calls: [
      { from, to: settlement.address, input: data, value: hex(valueWei), gas: hex(5_000_000n) },
      { from: sender, to: observer.address, input: look, gas: hex(5_000_000n) },
    ],
  }));
  const request = { method: 'eth_simulateV1' as never, params: [{ blockStateCalls }, 'latest'] as never };
  const blocks = (await chain.client.request(request)) as unknown as { calls: [SimulatedCall, SimulatedCall] }[];
  expect(blocks.length).toBe(steps.length);
  blocks.forEach(({ calls: [done, looked] }, index) => {
    const { what, outcome, after } = steps[index]!;
    const abi = settlement.abi as Abi;
    const got = done.status === '0x1' ? null : decodeErrorResult({ abi, data: done.returnData }).errorName;
    const [totals, isExit, amounts] = decodeFunctionResult({
      abi: observer.abi,
      functionName: 'look',
      data: looked.returnData,
    }) as [bigint[], boolean, bigint[]];
    expect({ index, what, outcome: got, totals, isExit, amounts }).toEqual({ index, what, outcome, ...after });
  });
}

it(`does in ${SEQUENCES} sequences of more than ${CALLS} calls what the model does`, { timeout: 600_000 }, async () => {
  const { timestamp } = await chain.client.getBlock();
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= SEQUENCES; seed += 1) {
    const sequence = new Sequence(seed, timestamp + STEP_SEC);
    while (sequence.steps.length < CALLS) await sequence.any();
    await sequence.end();
    await run(sequence.steps).catch((error: Error) => {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    });
    for (const { what, outcome } of sequence.steps) {
      const name = outcome ?? `${what} done`;
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
  }
  expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10_000);
  // The sequences reach everything that they are meant to reach.
  for (const what of [
    'deposit',
    'postRoot',
    'withdrawFor',
    'commitJobSet',
    'settleBatch',
    'payEarnings',
    'claim',
    'refundDeposit',
  ]) {
    expect(seen.get(`${what} done`), what).toBeGreaterThan(100);
  }
  for (const error of [
    'ExitBegun',
    'ExitNotBegun',
    'WrongSignature',
    'NothingToPay',
    'WrongEpoch',
    'WrongCredited',
    'MoreThanHeld',
    'RootNotPostedYet',
    'InvalidZkProofs',
    'WrongInclusionProof',
    'NoSuchDeposit',
  ]) {
    expect(seen.get(error), error).toBeGreaterThan(10);
  }
});
