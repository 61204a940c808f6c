/** Least time between two readings of the same thing, in milliseconds: entries come in bursts. */
const REST_MS = 400;

/** And in times of what the last reading took, so that a page asks no more of a coordinator that is slow. */
const REST_OF_READING = 3;

/** A while after which a failed reading is tried again, in milliseconds. */
const RETRY_MS = 2_000;

/** What comes of the readings. */
export interface ReadingListener<Value> {
  onValue: (value: Value) => void;
  onError: (error: unknown) => void;
}

/**
 * Reads something as often as is asked for, one reading after the other: one that is under way is never given up for a
 * newer one, or a market that moves faster than it answers would never be seen to move.
 */
export class Rereader<Value> {
  readonly #load: () => Promise<Value>;
  readonly #listener: ReadingListener<Value>;
  #isReading = false;
  #isAsked = false;
  #isStopped = false;
  #notBeforeMs = 0;
  #due: ReturnType<typeof setTimeout> | undefined;

  constructor(load: () => Promise<Value>, listener: ReadingListener<Value>) {
    this.#load = load;
    this.#listener = listener;
  }

  /** Has it read, now or as soon as the last reading is over and has been of some use. */
  ask(): void {
    this.#isAsked = true;
    if (this.#isReading || this.#isStopped) return;
    clearTimeout(this.#due);
    this.#due = setTimeout(() => void this.#read(), Math.max(0, this.#notBeforeMs - performance.now()));
  }

  /** Ends it: nothing is told any more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#due);
  }

  async #read(): Promise<void> {
    const startMs = performance.now();
    this.#isReading = true;
    this.#isAsked = false;
    let restMs = REST_MS;
    try {
      const value = await this.#load();
      if (!this.#isStopped) this.#listener.onValue(value);
    } catch (error) {
      if (!this.#isStopped) this.#listener.onError(error);
      restMs = RETRY_MS;
      this.#isAsked ||= (error as { retryable?: boolean }).retryable === true;
    }
    const endMs = performance.now();
    this.#notBeforeMs = endMs + Math.max(restMs, REST_OF_READING * (endMs - startMs));
    this.#isReading = false;
    if (this.#isAsked) this.ask();
  }
}
