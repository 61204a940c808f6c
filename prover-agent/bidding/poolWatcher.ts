import { poolBondWei } from '#protocol/bonds.js';
import type { PoolRamp } from '#protocol/poolPrice.js';
import type { Address } from '#protocol/units.js';
import type { JobView } from '#protocol/views.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import type { JobBook } from '../proving/jobBook.js';
import type { BidMemory } from './bidMemory.js';
import { pricesOf } from './costModel.js';
import type { Pricing } from './decideBid.js';
import { decidePool } from './decidePool.js';
import { whyUnwanted } from './priceOverride.js';

interface Money {
  freeWei: bigint;
  atRiskWei: bigint;
}

/** How many pooled jobs are remembered as considered. */
const SEEN_MAX = 10_000;

export interface PoolWatcherOptions {
  session: Session;
  book: JobBook;
  /** The prices that count now. */
  pricing(): Pricing;
  slots: number;
  memory: BidMemory;
  log: AgentLog;
  circuitName(circuitId: string): string | null;
  promisedMs(circuitId: string): number | null;
  proofsFail(circuitId: string): boolean;
  isChallenged(circuitId: string): boolean;
  /** Called when a job was taken up: the moment to begin to work. */
  onTaken(): void;
  signal: AbortSignal;
}

/**
 * Takes part in the pool: waits for each pooled job until it is time to prove it for this prover's price, then hands it
 * to the book. Whether it may deliver the job is the market's word, when it asks for the input.
 */
export class PoolWatcher {
  readonly #options: PoolWatcherOptions;
  readonly #seen = new Set<string>();

  constructor(options: PoolWatcherOptions) {
    this.#options = options;
  }

  /** Considers the jobs that are in the pool already. Never throws. */
  async catchUp(): Promise<void> {
    const { session, log } = this.#options;
    try {
      const { jobs } = await session.client.call('listPool', {});
      for (const job of jobs) void this.consider(job.jobId, job);
    } catch (error) {
      log('catchUpFailed', { reason: messageOf(error) });
    }
  }

  /**
   * Considers a pooled job once, however often it is told of; again, when the pool is looked at, one whose circuit this
   * prover could not serve yet. Never throws.
   */
  async consider(jobId: string, known?: JobView): Promise<void> {
    const { session, memory, signal, log } = this.#options;
    if (this.#seen.has(jobId) || signal.aborted) return;
    this.#seen.add(jobId);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.values().next().value as string);
    const ask = <Result>(action: () => Promise<Result>) =>
      repeatUntilDone(action, { isWorthRepeating: isUnreachable, signal });
    try {
      const job = known ?? (await ask(() => session.client.call('getJob', { params: { jobId } })));
      const { requester } = await ask(() => memory.terms.of(jobId));
      const isComing = await this.#take(job, { requester, readMoney: () => ask(() => this.#readMoney()) });
      if (isComing) this.#seen.delete(jobId);
    } catch (error) {
      if (!signal.aborted) log('poolSkipped', { jobId, code: 'unreadable', detail: messageOf(error) });
      this.#seen.delete(jobId);
    }
  }

  /** Free money, and what is locked or may come to be by open bids and other pooled jobs, in wei. */
  async #readMoney(): Promise<Money> {
    const { session, memory } = this.#options;
    const [bids, pooled] = [memory.bonds.mark(), memory.poolBonds.mark()];
    const { freeWei, bondedWei } = await session.client.call('getAccount', { params: { address: session.address } });
    const openWei = memory.bonds.openWei(bids) + memory.poolBonds.openWei(pooled);
    return { freeWei: BigInt(freeWei), atRiskWei: BigInt(bondedWei) + openWei };
  }

  /** @returns true for a job that may be this prover's later: it gets its circuit ready, or passes its challenge */
  async #take(job: JobView, who: { requester: Address; readMoney(): Promise<Money> }): Promise<boolean> {
    const { session, book, memory, log, signal } = this.#options;
    const { jobId, pool } = job;
    const isSide = [job.primary, job.backup].some((side) => side?.prover === session.address);
    if (!pool || job.status === 'ended' || isSide) return false;
    if (this.#options.isChallenged(job.circuitId)) return true;
    // What it holds and asks and what money there is may change while it waits, so it is asked again then.
    let { decision } = this.#decide(job, who.requester, await who.readMoney());
    if (decision.ok) await pause(decision.startMs - session.clock.nowMs(), signal);
    if (signal.aborted || book.hasEnded(jobId)) return false;
    const decided = this.#decide(job, who.requester, await who.readMoney());
    decision = decided.decision;
    if (!decision.ok) {
      log('poolSkipped', { jobId, code: decision.code, detail: decision.detail });
      return decision.code === 'circuitUnknown';
    }
    const { ramp, priceWei, promisedMs, bondWei, dueMs } = decided;
    const held = book.addPooled(job, { ramp, priceWei }, promisedMs!, dueMs);
    if (!held) return false;
    memory.poolBonds.reserve(jobId, bondWei);
    held.ended.signal.addEventListener('abort', () => memory.poolBonds.release(jobId), { once: true });
    log('poolTaken', { jobId, circuitId: job.circuitId, dueMs, priceWei: priceWei.toString() });
    this.#options.onTaken();
    return false;
  }

  #decide(job: JobView, requester: Address, money: Money) {
    const { session, book, slots } = this.#options;
    const { circuitId, deadlineMs } = job;
    const { openedAtMs, fromWei, toWei } = job.pool!;
    const ramp: PoolRamp = { openedAtMs, fromWei: BigInt(fromWei), toWei: BigInt(toWei) };
    const promisedMs = this.#options.promisedMs(circuitId);
    const pricing = this.#options.pricing();
    const work = { circuitId, circuitName: this.#options.circuitName(circuitId), requester };
    const { priceWei } = pricesOf(pricing, { ...work, promisedMs: promisedMs ?? 0, slots });
    const { parameters } = session.market;
    const bondWei = poolBondWei(BigInt(job.maxPriceWei), parameters);
    const decision = decidePool({
      ...{ ramp, deadlineMs, priceWei, promisedMs, slots, parameters, bondWei, ...money },
      unwanted: whyUnwanted(pricing, work),
      maxBondWei: pricing.maxBondWei,
      proofsFail: this.#options.proofsFail(circuitId),
      committedMs: book.committedMs(),
      nowMs: session.clock.nowMs(),
    });
    return { decision, ramp, priceWei, promisedMs, bondWei, dueMs: deadlineMs - parameters.deliveryMarginMs };
  }
}
