import type { RouteCall } from '#protocol/routeCalls.js';
import { pause } from '../backoff.js';
import { type AgentLog, messageOf } from '../log.js';
import type { Session } from './session.js';

/** What a heartbeat says of each job. */
export type HeartbeatJobs = RouteCall<'beat'>['body']['jobs'];

/** Heartbeats that follow news are at least this far apart, in milliseconds. */
const NEWS_EVERY_MS = 250;
/** Heartbeats are at least this far apart, however short the market's lease is, in milliseconds. */
const EVERY_MS_MIN = 50;
/** Without jobs there are no heartbeats; then the coordinator's clock is read so often, in milliseconds. */
const CLOCK_EVERY_MS = 60_000;
/** Jobs that one heartbeat may name. */
const JOBS_MAX = 4_096;

export interface HeartbeatOptions {
  session: Session;
  log: AgentLog;
  signal: AbortSignal;
  /** The jobs held now; with none there is no heartbeat. */
  jobs(): HeartbeatJobs;
  /** Called with the jobs that the coordinator says have ended. */
  onDropped(jobIds: readonly string[]): void;
}

/** Keeps the leases of all jobs with one call every quarter of a lease, and at once when there is news. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #wake = new AbortController();
  #clockReadMs = performance.now();
  /** The shortest lease of the jobs held, as the coordinator told it last. */
  #leaseMs = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#wake.abort(), { once: true });
  }

  /** Asks for a heartbeat now. */
  tellNews(): void {
    this.#wake.abort();
  }

  /** Beats until aborted. Never throws: a missed heartbeat is followed by the next one. */
  async run(): Promise<void> {
    const { session, signal } = this.#options;
    this.#leaseMs = session.market.parameters.leaseMs;
    while (!signal.aborted) {
      const everyMs = Math.max(EVERY_MS_MIN, this.#leaseMs / 4);
      this.#wake = new AbortController();
      await this.#beatFor(everyMs);
      if (signal.aborted) return;
      await pause(Math.min(NEWS_EVERY_MS, everyMs), signal);
      await pause(everyMs - NEWS_EVERY_MS, this.#wake.signal);
    }
  }

  /** Waits for the answer, but not until the next one is due: a lease is shorter than the longest wait for an answer. */
  async #beatFor(everyMs: number): Promise<void> {
    const jobs = this.#options.jobs();
    if (jobs.length > 0) this.#clockReadMs = performance.now();
    else if (performance.now() - this.#clockReadMs > CLOCK_EVERY_MS) this.#readClock();
    const beats: Promise<void>[] = [];
    for (let at = 0; at < jobs.length; at += JOBS_MAX) beats.push(this.#beat(jobs.slice(at, at + JOBS_MAX)));
    const isAnswered = new AbortController();
    await Promise.race([Promise.all(beats), pause(everyMs, isAnswered.signal)]);
    isAnswered.abort();
  }

  /** An idle agent's clock may go wrong for days, and every round would look closed. A failure is tried again later. */
  #readClock(): void {
    this.#clockReadMs = performance.now();
    this.#options.session.readClock().catch(() => undefined);
  }

  async #beat(jobs: HeartbeatJobs): Promise<void> {
    try {
      const { dropJobIds, leaseMs } = await this.#options.session.beat(jobs);
      this.#leaseMs = leaseMs;
      if (dropJobIds.length > 0) this.#options.onDropped(dropJobIds);
    } catch (error) {
      if (!this.#options.signal.aborted) this.#options.log('heartbeatFailed', { reason: messageOf(error) });
    }
  }
}
