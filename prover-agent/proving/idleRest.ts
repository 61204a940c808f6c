import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pause } from '../backoff.js';
import type { AgentLog } from '../log.js';
import type { JobBook } from './jobBook.js';
import type { ProvableCircuit } from './provableCircuit.js';

/** How many times in the time of rest it is looked whether anything is to do. */
const LOOKS = 4;

export interface IdleRestOptions {
  circuits: ReadonlyMap<string, ProvableCircuit>;
  /** While it holds a job, nobody rests. */
  book: Pick<JobBook, 'all'>;
  /** Provers rest when nothing was to do for so long, in milliseconds; 0: never. */
  restAfterMs: number;
  log: AgentLog;
  signal: AbortSignal;
}

/**
 * Puts the provers of an idle agent to rest, so that it takes little memory, and wakes them when the agent bids: they are
 * warm again before the round is cleared.
 */
export class IdleRest {
  readonly #options: IdleRestOptions;
  #usedMs = performance.now();
  #isResting = false;

  constructor(options: IdleRestOptions) {
    this.#options = options;
  }

  /** Work on a circuit may come. Returns at once. */
  wake(circuitId: string): void {
    this.#usedMs = performance.now();
    if (this.#isResting) this.#options.log('awake', { circuitId });
    this.#isResting = false;
    this.#options.circuits.get(circuitId)?.wake();
  }

  /** Looks after the provers until aborted. Never throws. */
  async run(): Promise<void> {
    const { circuits, book, restAfterMs, log, signal } = this.#options;
    if (restAfterMs === 0) return;
    let isCollected = false;
    while (!signal.aborted) {
      await pause(restAfterMs / LOOKS, signal);
      if (book.all().length > 0) {
        this.#usedMs = performance.now();
        this.#isResting = false;
      }
      if (signal.aborted || performance.now() - this.#usedMs < restAfterMs) continue;
      if (this.#isResting) {
        // Threads are gone some time after they were ended, and their memory with them.
        if (!isCollected) collectGarbage();
        isCollected = true;
        continue;
      }
      this.#isResting = true;
      isCollected = false;
      await Promise.all([...circuits.values()].map((circuit) => circuit.rest()));
      collectGarbage();
      log('resting', { residentMb: Math.round(process.memoryUsage.rss() / 1_048_576) });
    }
  }
}

/** An idle process collects nothing by itself, and would keep the proving key's memory for hours. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
