/** Checks signatures in threads, many at a time: recovering a signer is what an audit spends most of its time on. */
import { Worker } from 'node:worker_threads';
import type { SignedClaim } from '#market/entrySignatures.js';

/** Claims in one message to a thread. */
const BATCH = 256;

/** Batches that a thread may hold: it never waits for the next one, and memory stays flat. */
const BATCHES_HELD = 3;

/** A claim with where it stands. */
export interface PlacedClaim extends SignedClaim {
  index: number;
}

/** A signature that is not its account's, with the code of what is wrong. */
export interface WrongSignature {
  index: number;
  account: string;
  code: string;
}

interface Thread {
  worker: Worker;
  held: number;
}

/** Threads that check signatures. Hand claims in with `add`, wait with `drain`. */
export class SignatureChecker {
  private readonly threads: Thread[];
  private readonly onWrong: (wrong: WrongSignature) => void;
  private batch: PlacedClaim[] = [];
  private wake: (() => void) | null = null;
  private failure: Error | null = null;

  /** @param threads - at least 1; `onWrong` is told of each bad signature */
  constructor(threads: number, onWrong: (wrong: WrongSignature) => void) {
    this.onWrong = onWrong;
    this.threads = Array.from({ length: threads }, () => this.start());
  }

  add(claim: PlacedClaim): void {
    this.batch.push(claim);
  }

  /** Hands out what has come together, and waits while the threads hold as much as they may. */
  async flow(): Promise<void> {
    while (this.batch.length >= BATCH) await this.send();
  }

  /** Waits until every claim is checked. Throws Error when a thread has failed. */
  async drain(): Promise<void> {
    while (this.batch.length > 0) await this.send();
    while (this.threads.some(({ held }) => held > 0)) await this.answered();
    this.throwIfFailed();
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }

  private async send(): Promise<void> {
    for (;;) {
      this.throwIfFailed();
      const idle = this.threads.reduce((a, b) => (b.held < a.held ? b : a));
      if (idle.held < BATCHES_HELD) {
        idle.held += 1;
        idle.worker.postMessage(this.batch.splice(0, BATCH));
        return;
      }
      await this.answered();
    }
  }

  private answered(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private throwIfFailed(): void {
    if (this.failure) throw new Error(`a thread that checks signatures has failed: ${this.failure.message}`);
  }

  private start(): Thread {
    const worker = new Worker(new URL('./signatureWorker.js', import.meta.url), { execArgv: [] });
    const thread = { worker, held: 0 };
    worker.on('message', (wrong: WrongSignature[]) => {
      thread.held -= 1;
      for (const one of wrong) this.onWrong(one);
      this.wake?.();
    });
    worker.on('error', (error) => {
      this.failure = error as Error;
      thread.held = 0;
      this.wake?.();
    });
    return thread;
  }
}
