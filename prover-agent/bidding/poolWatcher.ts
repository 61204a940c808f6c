import { poolBondWei } from '#protocol/bonds.js';
import type { PoolRamp } from '#protocol/poolPrice.js';
import type { JobView } from '#protocol/views.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import type { JobBook } from '../proving/jobBook.js';
import { type Pricing, pricesOf } from './decideBid.js';
import { decidePool } from './decidePool.js';

/** How many pooled jobs are remembered as considered. */
const SEEN_MAX = 10_000;

export interface PoolWatcherOptions {
  session: Session;
  book: JobBook;
  /** The prices that count now. */
  pricing(): Pricing;
  slots: number;
  log: AgentLog;
  promisedMs(circuitId: string): number | null;
  proofsFail(circuitId: string): boolean;
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

  /** Considers a pooled job once, however often it is told of. Never throws. */
  async consider(jobId: string, known?: JobView): Promise<void> {
    const { session, signal, log } = this.#options;
    if (this.#seen.has(jobId) || signal.aborted) return;
    this.#seen.add(jobId);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.values().next().value as string);
    const ask = <Result>(action: () => Promise<Result>) =>
      repeatUntilDone(action, { isWorthRepeating: isUnreachable, signal });
    try {
      const job = known ?? (await ask(() => session.client.call('getJob', { params: { jobId } })));
      const params = { address: session.address };
      const { freeWei } = await ask(() => session.client.call('getAccount', { params }));
      await this.#take(job, BigInt(freeWei));
    } catch (error) {
      if (!signal.aborted) log('poolSkipped', { jobId, code: 'unreadable', detail: messageOf(error) });
      this.#seen.delete(jobId);
    }
  }

  async #take(job: JobView, freeWei: bigint): Promise<void> {
    const { session, book, slots, log, signal } = this.#options;
    const { jobId, circuitId, deadlineMs, pool } = job;
    const isSide = [job.primary, job.backup].some((side) => side?.prover === session.address);
    if (!pool || job.status === 'ended' || isSide) return;
    const { openedAtMs, fromWei, toWei } = pool;
    const ramp: PoolRamp = { openedAtMs, fromWei: BigInt(fromWei), toWei: BigInt(toWei) };
    const promisedMs = this.#options.promisedMs(circuitId);
    const priceNow = () => pricesOf(this.#options.pricing(), promisedMs ?? 0).priceWei;
    let priceWei = priceNow();
    const { parameters } = session.market;
    const decide = () =>
      decidePool({
        ...{ ramp, deadlineMs, priceWei, promisedMs, slots, freeWei, parameters },
        proofsFail: this.#options.proofsFail(circuitId),
        committedMs: book.committedMs(),
        bondWei: poolBondWei(BigInt(job.maxPriceWei), parameters),
        nowMs: session.clock.nowMs(),
      });
    // What it holds and asks may change while it waits, so it is asked again then.
    let decision = decide();
    if (decision.ok) await pause(decision.startMs - session.clock.nowMs(), signal);
    if (signal.aborted || book.hasEnded(jobId)) return;
    priceWei = priceNow();
    decision = decide();
    if (!decision.ok) {
      log('poolSkipped', { jobId, code: decision.code, detail: decision.detail });
      return;
    }
    const dueMs = deadlineMs - parameters.deliveryMarginMs;
    if (!book.addPooled(job, { ramp, priceWei }, promisedMs!, dueMs)) return;
    log('poolTaken', { jobId, circuitId, dueMs, priceWei: priceWei.toString() });
    this.#options.onTaken();
  }
}
