/** Writes to the database soon after something was noted in memory, one writing after another, again when one failed. */
export class SoonWriter {
  readonly #write: () => Promise<void>;
  readonly #withinMs: number;
  readonly #onFailure: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param write - writes all that is noted and not written; keeps what it could not write */
  constructor(options: { write: () => Promise<void>; withinMs: number; onFailure: (error: unknown) => void }) {
    this.#write = options.write;
    this.#withinMs = options.withinMs;
    this.#onFailure = options.onFailure;
  }

  /** Says that something was noted. */
  schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) => {
        this.#onFailure(error);
        this.schedule();
      });
    }, this.#withinMs);
  }

  /** Writes now. Throws when the database fails. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.catch(() => undefined).then(this.#write);
    return this.#writing;
  }
}
