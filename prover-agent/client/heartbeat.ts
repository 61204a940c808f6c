import type { RouteCall } from '#protocol/routeCalls.js';
import { pause } from '../backoff.js';
import { type AgentLog, messageOf } from '../log.js';
import type { Session } from './session.js';

/** What a heartbeat says of each job. */
export type HeartbeatJobs = RouteCall<'beat'>['body']['jobs'];

/** Heartbeats that follow news are at least this far apart, in milliseconds. */
const NEWS_EVERY_MS = 250;

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
    const everyMs = session.market.parameters.leaseMs / 4;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await this.#beat();
      if (signal.aborted) return;
      await pause(Math.min(NEWS_EVERY_MS, everyMs), signal);
      await pause(everyMs - NEWS_EVERY_MS, this.#wake.signal);
    }
  }

  async #beat(): Promise<void> {
    const jobs = this.#options.jobs();
    if (jobs.length === 0) return;
    try {
      const { dropJobIds } = await this.#options.session.beat(jobs);
      if (dropJobIds.length > 0) this.#options.onDropped(dropJobIds);
    } catch (error) {
      if (!this.#options.signal.aborted) this.#options.log('heartbeatFailed', { reason: messageOf(error) });
    }
  }
}
