/**
 * A market at random: every step is drawn from one seed, so that a seed is a whole story. Parties behave well, badly
 * and at odd times; verdicts come in any order; wake-ups are handled late; the coordinator goes away and comes back.
 */

import { isRevealing } from '#market/commitReveal.js';
import { awaitsWitness } from '#market/fault.js';
import { parametersOf, recordKey } from '#market/state.js';
import { scheduleOf } from '#protocol/blockTerms.js';
import type { Bid, BlockRequest } from '#protocol/messages.js';
import { digestOf } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';
import { CIRCUIT_ID, DOMAIN, ETH, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

/** Numbers from a seed: mulberry32. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }
}

/** A party that does not really sign: for runs whose replay leaves signatures unchecked. */
function unsigned(seed: number): Party {
  const signature: Hex = `0x${'00'.repeat(65)}`;
  return { ...party(seed), sign: async (type, message) => ({ digest: digestOf(DOMAIN, type, message), signature }) };
}

const knownParties = new Map<string, Party>();
function partyOf(seed: number, signed: boolean): Party {
  const key = `${seed} ${signed}`;
  const known = knownParties.get(key) ?? (signed ? party(seed) : unsigned(seed));
  knownParties.set(key, known);
  return known;
}

const SAMPLES = [0, 1, 2].map((at) => {
  return { publicSignals: [`${at}`, '1', '2'], inputHash: `0x${'0'.repeat(63)}${at}` as Hex };
});

interface Waiting {
  jobId: string;
  submissionId: Hex;
  valid: boolean;
}

export class RandomMarket {
  readonly memory = new MemoryExecutor();
  readonly driver = new MarketDriver(this.memory);
  readonly dice: Dice;
  private readonly requesters: Party[];
  private readonly provers: Party[] = [];
  private readonly jobIds: string[] = [];
  private readonly roundIds: string[] = [];
  private waiting: Waiting[] = [];
  private readonly committed: { prover: Party; bid: Bid }[] = [];
  private readonly signed: boolean;

  constructor(seed: number, signed: boolean) {
    this.dice = new Dice(seed);
    this.signed = signed;
    this.requesters = [partyOf(1, signed), partyOf(2, signed)];
  }

  /** Opens the market: two requesters, two to six provers, of which some share an owner. */
  async open(): Promise<void> {
    const parameters = {
      leaseMs: 4_000,
      downtimeMsMin: 1_000,
      invalidProofsMax: 2,
      provingSamplesMin: 2,
      bidRevealMs: 2_000,
      challengeMs: 10_000,
    };
    // One market in four asks for challenges.
    await this.driver.open(parameters, this.dice.chance(25) ? SAMPLES : []);
    await this.driver.run({ kind: 'startCoordinator', lastSignMs: this.driver.nowMs, cause: 'start' });
    for (const requester of this.requesters) await this.driver.fund(requester.address, 40n * ETH);
    const count = 2 + this.dice.below(5);
    for (let index = 0; index < count; index += 1) {
      const owner = this.dice.chance(30) ? partyOf(20, this.signed) : undefined;
      const fundsWei = this.dice.pick([0n, ETH, 3n * ETH, 50n * ETH, 50n * ETH]);
      const prover = await this.driver.prover(10 + index, owner, fundsWei, partyOf(10 + index, this.signed));
      this.provers.push(prover);
      if (this.dice.chance(90)) await this.driver.passChallenge(prover);
    }
  }

  async step(): Promise<void> {
    const roll = this.dice.below(100);
    if (roll < 7) await this.submitBlock();
    else if (roll < 8) await (this.dice.chance(50) ? this.challenge() : this.withdraw());
    else if (roll < 32) await this.bid();
    else if (roll < 36) await this.openBids();
    else if (roll < 37) await this.setParameters();
    else if (roll < 50) await this.passTime();
    else if (roll < 57) await this.commitToPool();
    else if (roll < 74) await this.deliver();
    else if (roll < 86) await this.judge();
    else if (roll < 88) await this.giveUp();
    else if (roll < 90) await this.noteInput();
    else if (roll < 91) await this.checkWitness();
    else if (roll < 92) await this.predictMiss();
    else if (roll < 95) await this.missLease();
    else if (roll < 98) await this.goAway();
    else await this.driver.fund(this.dice.pick([...this.requesters, ...this.provers]).address, ETH);
  }

  /** Goes on until nothing is left to do: all verdicts are given, all deadlines pass. */
  async finish(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) {
      // A verdict may have to wait for an earlier commitment's time.
      for (let left = 4 * this.waiting.length; left > 0; left -= 1) await this.judge();
      await this.checkWitness();
      await this.driver.advance(100_000);
    }
  }

  /** One step of a challenge: asked for, delivered, judged. */
  private async challenge(): Promise<void> {
    const { dice, driver } = this;
    const prover = dice.pick(this.provers);
    const open = driver.state.challenges.get(recordKey(prover.address, CIRCUIT_ID));
    if (!open || dice.chance(20)) await driver.requestChallenge(prover);
    else if (open.status === 'received') await driver.judgeChallenge(prover, open.challengeId, dice.chance(70));
    else await driver.submitChallenge(prover, open.challengeId, `try ${dice.below(3)}`);
  }

  private async submitBlock(): Promise<void> {
    const { dice, driver } = this;
    const fastest = dice.chance(20);
    const terms: Partial<BlockRequest> = {
      ...scheduleOf(500 + dice.below(3_000), ETH / dice.pick([1n, 2n, 5n]), ETH, 1 + dice.below(3)),
      deadlineMs: driver.nowMs + 7_000 + dice.below(60_000),
      missCostWei: (dice.pick([0n, 1n, 2n, 10n, 100n]) * ETH).toString(),
      backup: dice.pick(['market', 'market', 'required', 'none']),
      sealing: dice.chance(35) ? 'commitReveal' : 'receipt',
      award: fastest ? 'fastest' : 'cheapest',
      pricing: fastest || dice.chance(20) ? 'first' : 'vickrey',
      pool: dice.chance(75) ? 'open' : 'none',
      allowedOwners: dice.chance(15) ? this.provers.slice(0, 2).map(({ address }) => address) : [],
    };
    const isOrdered = dice.chance(30);
    const jobCount = 1 + dice.below(4) + (isOrdered ? 1 : 0);
    const after = isOrdered ? this.someOrder(jobCount) : [];
    if (isOrdered) terms.deadlineMs! += 30_000;
    const { executed, jobIds, roundId } = await driver.submitBlock(dice.pick(this.requesters), jobCount, terms, after);
    if (!executed.ok) return;
    this.jobIds.push(...jobIds);
    this.roundIds.push(...[0, 1, 2, 3, 4].map((number) => roundId.replace('.r0', `.r${number}`)));
  }

  /** A requester, and now and then another, wants a block no more. */
  private async withdraw(): Promise<void> {
    const open = [...this.driver.state.blocks.values()].filter(({ completedAtMs }) => completedAtMs === null);
    if (open.length === 0) return;
    const { blockId, request } = this.dice.pick(open);
    const own = this.requesters.find(({ address }) => address === request.requester)!;
    await this.driver.withdraw(this.dice.chance(90) ? own : this.dice.pick(this.requesters), blockId);
  }

  /** For each job some of those before it. */
  private someOrder(jobCount: number): number[][] {
    const places = Array.from({ length: jobCount }, (_, place) => place);
    return places.map((place) => places.filter((before) => before < place && this.dice.chance(60)));
  }

  private async bid(): Promise<void> {
    const { dice } = this;
    if (this.roundIds.length === 0) return;
    const open = [...this.driver.state.rounds.values()].filter(({ clearedAtMs }) => clearedAtMs === null);
    const roundId = open.length > 0 && dice.chance(90) ? dice.pick(open).roundId : dice.pick(this.roundIds);
    const prover = dice.pick(this.provers);
    const terms = {
      priceWei: (ETH * BigInt(dice.below(1_050))) / 1_000n,
      standbyWei: (ETH * BigInt(dice.below(60))) / 1_000n,
      maxJobs: 1 + dice.below(5),
      maxConcurrent: 1 + dice.below(3),
      provingMsP95: 500 + dice.below(12_000),
      lifeMs: dice.pick([100, 2_000, 600_000, 600_000]),
    };
    const isCommitted = this.driver.state.rounds.get(roundId)?.sealing === 'commitReveal';
    if (isCommitted === dice.chance(97)) {
      const { executed, bid } = await this.driver.commit(prover, roundId, terms);
      if (executed.ok) this.committed.push({ prover, bid });
    } else {
      await this.driver.bid(prover, roundId, terms);
    }
  }

  /** Opens bids: at times early, late, replaced, another than the one committed to, or that of another prover. */
  private async openBids(): Promise<void> {
    const { dice, driver } = this;
    const isDue = ({ bid }: { bid: Bid }) => {
      const round = driver.state.rounds.get(bid.roundId);
      return round !== undefined && isRevealing(round);
    };
    const due = this.committed.filter(isDue);
    for (const { prover, bid } of due) {
      if (dice.chance(20)) continue;
      const message = dice.chance(5) ? { ...bid, priceWei: '1' } : bid;
      const signer = dice.chance(3) ? dice.pick(this.provers) : prover;
      // A stranger's signature is refused at the door, which is not part of this market.
      if (signer === prover || !this.signed) await driver.openBid(signer, message);
      if (dice.chance(10)) await driver.openBid(prover, bid);
    }
    if (due.length === 0 && this.committed.length > 0) {
      const { prover, bid } = dice.pick(this.committed);
      await driver.openBid(prover, bid);
    }
  }

  /** The operator changes its mind while rounds are open and jobs run. */
  private async setParameters(): Promise<void> {
    const { dice, driver } = this;
    const parameters = {
      ...parametersOf(driver.state),
      bidRevealMs: dice.pick([2_000, 3_000, 8_000]),
      poolRevealMs: dice.pick([1_000, 5_000]),
      poolForfeitBps: dice.pick([0, 500]),
      poolOpenMax: dice.pick([1, 32]),
      poolFailuresMax: dice.pick([1, 2]),
      bidForfeitBps: dice.pick([0, 500, 2_000]),
      lateBps: dice.pick([0, 2_000, 10_000]),
      lateDamageBps: dice.pick([0, 2_000, 5_000]),
      slashRescuerBps: dice.pick([0, 5_000, 10_000]),
      deliveryMarginMs: dice.pick([0, 1_000, 2_000, 4_000]),
      leaseMs: dice.pick([2_000, 4_000, 20_000]),
      downtimeMsMin: dice.pick([1_500, 1_900]),
      invalidProofsMax: dice.pick([1, 2, 4]),
      provingSamplesMax: dice.pick([2, 20]),
      bidsPerRoundMax: dice.pick([2, 1_024]),
    };
    const version = driver.state.parametersVersion + (dice.chance(90) ? 1 : 0);
    await driver.run({ kind: 'setParameters', version, parameters, reason: 'at random' });
  }

  /** Time passes; sometimes the wake-ups of that time are handled only at its end. */
  private async passTime(): Promise<void> {
    const ms = this.dice.pick([1, 50, 500, 2_000, 5_000, 12_000]) + this.dice.below(100);
    if (this.dice.chance(20)) this.driver.nowMs += ms;
    await this.driver.advance(this.dice.chance(20) ? 0 : ms);
  }

  private async deliver(): Promise<void> {
    const { dice } = this;
    const running = this.jobIds.filter((jobId) => this.driver.job(jobId).status === 'awarded');
    const jobId = running.length > 0 && dice.chance(90) ? dice.pick(running) : dice.pick([...this.jobIds, '']);
    if (jobId === '') return;
    const { primary, backup, publicSignals } = this.driver.job(jobId);
    const assigned = this.provers.filter(({ address }) => address === primary?.prover || address === backup?.prover);
    const prover = assigned.length > 0 && dice.chance(90) ? dice.pick(assigned) : dice.pick(this.provers);
    const variant = dice.below(5);
    const signals = dice.chance(5) ? [...publicSignals.slice(1), '0'] : publicSignals;
    await this.hand(jobId, () => this.driver.deliver(prover, jobId, variant, signals), variant > 1);
  }

  /** Delivers, and keeps in mind what the verdict will be. */
  private async hand(jobId: string, deliver: () => ReturnType<MarketDriver['deliver']>, valid: boolean): Promise<void> {
    const { executed, submissionId } = await deliver();
    if (!executed.ok || executed.entries.length === 0) return;
    if (this.waiting.some((one) => one.submissionId === submissionId)) return;
    const isPending = this.driver.job(jobId).submissions.some((one) => {
      return one.submissionId === submissionId && one.verdict === 'pending';
    });
    if (isPending) this.waiting.push({ jobId, submissionId, valid });
  }

  /** Commits to a zkProof of a pooled job, its own or one that another has shown, and often shows it at once. */
  private async commitToPool(): Promise<void> {
    const { dice, driver } = this;
    const pooled = this.jobIds.filter((jobId) => driver.job(jobId).pool && driver.job(jobId).status !== 'ended');
    const jobId = pooled.length > 0 && dice.chance(95) ? dice.pick(pooled) : dice.pick([...this.jobIds, '']);
    if (jobId === '') return;
    const [prover, maker] = [dice.pick(this.provers), dice.pick(this.provers)];
    const variant = dice.below(5);
    const by = dice.chance(20) ? maker.address : prover.address;
    await driver.commitToPool(prover, jobId, variant, by);
    if (dice.chance(30)) return;
    if (dice.chance(40)) await this.passTime();
    const { publicSignals } = driver.job(jobId);
    await this.hand(jobId, () => driver.deliver(prover, jobId, variant, publicSignals, by), variant > 1);
  }

  /** Gives the verdict on any waiting zkProof; one that must wait for another's stays. */
  private async judge(): Promise<void> {
    if (this.waiting.length === 0) return;
    const { jobId, submissionId, valid } = this.dice.pick(this.waiting);
    await this.driver.judge(jobId, submissionId, valid);
    this.waiting = this.waiting.filter(({ jobId: of, submissionId: id }) => {
      const job = this.driver.job(of);
      return (
        job.status !== 'ended' && job.submissions.some((one) => one.submissionId === id && one.verdict === 'pending')
      );
    });
  }

  private async giveUp(): Promise<void> {
    if (this.jobIds.length === 0) return;
    const jobId = this.mostlyRunning();
    const { primary, backup } = this.driver.job(jobId);
    const holders = this.provers.filter(({ address }) => address === primary?.prover || address === backup?.prover);
    const isHolder = holders.length > 0 && this.dice.chance(70);
    const reason = this.dice.pick(['overloaded', 'overloaded', 'inputUnavailable', 'witnessFailed'] as const);
    await this.driver.giveUp(this.dice.pick(isHolder ? holders : this.provers), jobId, reason);
  }

  /** The coordinator cannot serve an input, or can again. */
  private async noteInput(): Promise<void> {
    if (this.jobIds.length === 0) return;
    const jobId = this.mostlyRunning();
    const { primary, backup } = this.driver.job(jobId);
    const side = this.dice.pick([primary, primary, backup]);
    const served = this.dice.chance(40);
    if (side) await this.driver.run({ kind: 'noteInput', jobId, prover: side.prover, served });
  }

  /** Looks into the claims that a job has no witness: one job in three has none. */
  private async checkWitness(): Promise<void> {
    for (const { jobId } of [...this.driver.state.jobs.values()].filter(awaitsWitness)) {
      const satisfiable = this.dice.chance(10) ? null : Number(jobId.at(-1)) % 3 !== 0;
      await this.driver.run({ kind: 'recordWitness', jobId, satisfiable, error: satisfiable ? '' : 'no' });
    }
  }

  private async predictMiss(): Promise<void> {
    if (this.jobIds.length === 0) return;
    const jobId = this.mostlyRunning();
    const expectedEndMs = this.driver.job(jobId).deadlineMs - this.dice.below(10_000) + this.dice.below(20_000);
    await this.driver.run({ kind: 'predictMiss', jobId, expectedEndMs });
  }

  /** Any job, but most often one that is awarded. */
  private mostlyRunning(): string {
    const running = this.jobIds.filter((jobId) => this.driver.job(jobId).status === 'awarded');
    return this.dice.pick(running.length > 0 && this.dice.chance(70) ? running : this.jobIds);
  }

  private async missLease(): Promise<void> {
    if (this.jobIds.length === 0) return;
    const lastSeenMs = this.driver.nowMs - this.dice.below(25_000);
    const jobId = this.mostlyRunning();
    const { primary, backup } = this.driver.job(jobId);
    const side = this.dice.pick([primary, primary, backup]);
    if (side) await this.driver.run({ kind: 'missLease', jobId, prover: side.prover, lastSeenMs });
  }

  private async goAway(): Promise<void> {
    const lastSignMs = this.driver.nowMs;
    this.driver.nowMs += this.dice.pick([200, 1_500, 5_000, 20_000]);
    const cause = this.dice.pick(['start', 'stall'] as const);
    const times = 1 + this.dice.below(2);
    for (let time = 0; time < times; time += 1) await this.driver.run({ kind: 'startCoordinator', lastSignMs, cause });
    await this.driver.advance(0);
  }
}
