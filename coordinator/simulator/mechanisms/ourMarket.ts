/**
 * Understudy as a mechanism: bid windows, the real clearing, a primary and a backup that starts in time or as soon as the
 * primary falls silent, and the pool. The market's own rules decide and pay; here is only what happens in between.
 */
import type { ClearingInput } from '#market/clear.js';
import type { Award } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { openRace } from './openRace.js';
import { EPOCH_MS, type OurPolicy, OurRules } from './ourRules.js';
import { breakEvenWei, type Prover } from './population.js';
import { holdRounds } from './retryRounds.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import { rivalsOf, shadedBids } from './shading.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';
import { HONEST, type Offer, offerOf, type Strategy } from './strategy.js';
import { pairTheory } from './theory.js';

/** An awarded job while it goes on. */
interface Course {
  primary: Prover;
  backup: Prover | null;
  poolOpen: boolean;
}

export class OurMarket implements Mechanism {
  readonly rules: OurRules;
  /** Called with what every round was cleared from. */
  onClearing: (input: ClearingInput) => void = () => {};
  private readonly market: SimMarket;
  private readonly policy: OurPolicy;
  private readonly strategy: Strategy;
  private readonly maxWei: number;
  private readonly byAddress: Map<string, Prover>;
  private readonly courses = new Map<SimJob, Course>();

  constructor(market: SimMarket, policy: OurPolicy, strategy: Strategy = HONEST) {
    const { scenario, provers } = market;
    this.market = market;
    this.policy = policy;
    this.strategy = strategy;
    this.maxWei = scenario.maxPriceTimes * MEDIAN_COST_WEI;
    const terms = {
      maxPriceWei: this.maxWei,
      missCostWei: scenario.missCostTimes * MEDIAN_COST_WEI,
      standbyWeight: scenario.standbyWeight,
    };
    this.rules = new OurRules(provers, policy, terms, { ...DEFAULT_PARAMETERS, ...scenario.parameters });
    this.byAddress = new Map(provers.map((prover) => [prover.address, prover]));
  }

  open(jobs: SimJob[]): void {
    this.rules.submitBlock(jobs, this.market.nowMs);
    const unsold = (left: SimJob[]) => {
      for (const job of left) this.openPool(job);
    };
    holdRounds(this.market, jobs, (open, round) => this.close(open, round), unsold);
  }

  delivered(work: SimWork): void {
    const { job, prover } = work;
    const course = this.courses.get(job);
    const role = course?.primary === prover ? 'primary' : course?.backup === prover ? 'backup' : 'pool';
    const { nowMs } = this.market;
    const { rules } = this;
    const { jobId } = job;
    this.settle(job, role === 'pool' ? rules.acceptFromPool(jobId, prover, nowMs) : rules.accept(jobId, role, nowMs));
    this.courses.delete(job);
    this.market.end(job, { prover, as: role });
  }

  /** The agent is silent: noticed one lease later. */
  vanished({ job, prover }: SimWork): void {
    const course = this.courses.get(job);
    if (this.market.scenario.hangs && this.market.isUp(prover)) return;
    if (prover === course?.primary || prover === course?.backup) this.planLease(job, prover);
  }

  regionLost(): void {
    for (const [job, { backup }] of this.courses) {
      if (backup && !this.market.isUp(backup)) this.planLease(job, backup);
    }
  }

  expired(job: SimJob): void {
    this.settle(job, this.rules.expire(job.jobId, this.market.nowMs));
    this.courses.delete(job);
    this.market.end(job, null);
  }

  /** Clears a round. @returns the jobs that it left unsold */
  private close(jobs: SimJob[], round: number): SimJob[] {
    const { input, result } = this.rules.clearRound(jobs, round, this.offers(), this.market.nowMs);
    this.onClearing(input);
    const awards = new Map(result.awards.map((award) => [award.jobId, award]));
    return jobs.filter((job) => {
      const award = awards.get(job.jobId);
      if (award) this.begin(job, award);
      return !award;
    });
  }

  /** What the provers offer: their break-even prices, or above them where they are paid their bids. */
  private offers(): Offer[] {
    const { market } = this;
    const provers = market.upProvers();
    const penaltyWei = market.books.meanFineWei((this.maxWei * this.rules.parameters.lateDamageBps) / 10_000);
    const own = provers.map((prover) => breakEvenWei(prover, penaltyWei));
    const isFirst = this.policy.pricing === 'first';
    const asked = isFirst ? shadedBids(own, rivalsOf(market.scenario, market.provers), this.maxWei) : own;
    return provers
      .map((prover, index) => this.strategy.offer(offerOf(prover, asked[index]!, market.scenario, own[index]!)))
      .filter((offer) => offer !== null)
      .filter(({ priceWei }) => priceWei <= this.maxWei);
  }

  private begin(job: SimJob, award: Award): void {
    const { market } = this;
    const primary = this.byAddress.get(award.primary.prover)!;
    const backup = award.backup && this.byAddress.get(award.backup.prover)!;
    this.courses.set(job, { primary, backup, poolOpen: false });
    const startMs = award.backupStartMs === null ? null : award.backupStartMs - EPOCH_MS;
    job.standby = backup;
    const noticedMs = market.scenario.hangs ? Number.POSITIVE_INFINITY : this.rules.parameters.leaseMs;
    job.theory = pairTheory(market, job, primary, backup, startMs, noticedMs);
    job.promised = promisedChance(award);
    if (this.strategy.keepsSilent(primary, backup)) this.planLease(job, primary);
    else market.assign(job, primary);
    if (startMs !== null) {
      market.timeline.at(startMs, () => {
        this.activate(job, 'startTime');
        this.watchPool(job);
      });
    }
  }

  private planLease(job: SimJob, prover: Prover): void {
    this.market.timeline.after(this.rules.parameters.leaseMs, () => {
      const course = this.courses.get(job);
      if (!course) return;
      const role = prover === course.primary ? 'primary' : 'backup';
      if (!this.rules.job(job.jobId)[role]!.leaseMissed) this.rules.missLease(job.jobId, role, this.market.nowMs);
      if (role === 'primary') this.activate(job, 'leaseMissed');
      this.watchPool(job);
    });
  }

  private activate(job: SimJob, cause: 'startTime' | 'leaseMissed'): void {
    const course = this.courses.get(job);
    const { nowMs } = this.market;
    if (!course?.backup || job.endedMs !== null || nowMs >= job.deadlineMs) return;
    if (this.rules.job(job.jobId).backup!.status !== 'standby') return;
    this.rules.activateBackup(job.jobId, cause, nowMs);
    this.market.assign(job, course.backup);
    this.watchPool(job);
  }

  /** Opens the pool when both sides are spent: now, or at the moment that is known by now. */
  private watchPool(job: SimJob): void {
    const course = this.courses.get(job);
    const atMs = course && job.endedMs === null ? this.rules.spentMs(job.jobId) : null;
    if (!course || atMs === null || course.poolOpen) return;
    if (atMs > this.market.nowMs) this.market.timeline.at(atMs, () => this.watchPool(job));
    else course.poolOpen = this.openPool(job);
  }

  private openPool(job: SimJob): boolean {
    const { nowMs } = this.market;
    if (job.endedMs !== null || nowMs >= job.deadlineMs || !this.rules.openPool(job.jobId, nowMs)) return false;
    openRace(this.market, job, (atMs) => this.rules.poolPriceWei(job.jobId, atMs));
    return true;
  }

  /** Books the market's postings: what leaves a bond for its own prover, or an escrow for its requester, moves nothing. */
  private settle(job: SimJob, postings: readonly Posting[]): void {
    for (const { from, to, amountWei } of postings) {
      this.market.pay(job, this.partyOf(from), this.partyOf(to), Number(amountWei));
    }
    const course = this.courses.get(job);
    for (const prover of course ? [course.primary, course.backup] : []) {
      const isFailed = prover && job.works.some((work) => work.prover === prover && work.state === 'vanished');
      if (isFailed) this.market.books.noteFine(finedWei(postings, prover));
    }
  }

  private partyOf(account: string): 'requester' | number {
    return account.startsWith('escrow:') ? 'requester' : (this.byAddress.get(account.slice(-42))?.index ?? 'requester');
  }
}

/** The chance that the pair delivers, by the market's own records. */
function promisedChance({ primary, backup }: Award): number {
  return 1 - (primary.missPpm / 1e6) * (backup ? backup.missPpm / 1e6 : 1);
}

/** What a prover's bond lost, in wei. */
function finedWei(postings: readonly Posting[], prover: Prover): number {
  return postings
    .filter(({ from, to }) => from === `bond:${prover.address}` && to !== `account:${prover.address}`)
    .reduce((sum, { amountWei }) => sum + Number(amountWei), 0);
}
