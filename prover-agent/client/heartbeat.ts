import type { RejectedError } from '#protocol/client.js';
import type { RouteCall } from '#protocol/routeCalls.js';
import { pause } from '../backoff.js';
import { type AgentLog, messageOf } from '../log.js';
import { isKeyInUse, type Session } from './session.js';

/** What a heartbeat says of each job. */
export type HeartbeatJobs = RouteCall<'beat'>['body']['jobs'];

/** Heartbeats that follow news are at least this far apart, in milliseconds. */
const NEWS_EVERY_MS = 1_000;
/** Heartbeats are at least this far apart, however short the market's lease is, in milliseconds. */
const EVERY_MS_MIN = 50;
/** Without jobs a heartbeat only shows that the agent lives, and reads the clock: each such part of a lease will do. */
const IDLE_LEASE_PART = 0.5;
/** Jobs that one heartbeat may name. */
const JOBS_MAX = 4_096;

export interface HeartbeatOptions {
  session: Session;
  log: AgentLog;
  signal: AbortSignal;
  /** The jobs held now. */
  jobs(): HeartbeatJobs;
  /** Called with the jobs that the coordinator says have ended. */
  onDropped(jobIds: readonly string[]): void;
  /** Called when another agent has taken this one's place. */
  onReplaced(refusal: RejectedError): void;
}

/**
 * Keeps the leases of all jobs with one call every quarter of a lease, and within a second when there is news. An agent without jobs
 * is heard of half as often, so that a second one on its key is told of it.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #wake = new AbortController();
  #beatMs = Number.NEGATIVE_INFINITY;
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
    // A little early counts as due, or each would come a quarter of a lease late.
    const isDue = performance.now() - this.#beatMs > IDLE_LEASE_PART * this.#leaseMs - everyMs / 2;
    if (jobs.length === 0 && !isDue) return;
    this.#beatMs = performance.now();
    const beats: Promise<void>[] = [];
    for (let at = 0; at === 0 || at < jobs.length; at += JOBS_MAX)
      beats.push(this.#beat(jobs.slice(at, at + JOBS_MAX)));
    const isAnswered = new AbortController();
    await Promise.race([Promise.all(beats), pause(everyMs, isAnswered.signal)]);
    isAnswered.abort();
  }

  async #beat(jobs: HeartbeatJobs): Promise<void> {
    try {
      const { dropJobIds, leaseMs } = await this.#options.session.beat(jobs);
      this.#leaseMs = leaseMs;
      if (dropJobIds.length > 0) this.#options.onDropped(dropJobIds);
    } catch (error) {
      if (isKeyInUse(error)) this.#options.onReplaced(error);
      else if (!this.#options.signal.aborted) this.#options.log('heartbeatFailed', { reason: messageOf(error) });
    }
  }
}
