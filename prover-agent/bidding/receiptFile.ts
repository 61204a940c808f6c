import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { KeptReceipt } from '#protocol/bidReceipt.js';

/** Receipts that the file is cut down to when it has twice as many. */
export const RECEIPTS_MAX = 10_000;

/** Receipts among which one that comes again is known. */
const NEWEST_MAX = 256;

/**
 * The receipts of a prover's bids, one JSON object a line, oldest first: what an operator checks a log against with
 * `understudy check-bids`. A line that a crash has cut off is passed over by that check.
 */
export class ReceiptFile {
  readonly #path: string;
  readonly #max: number;
  #lines: number | null = null;
  /** Signatures of the newest receipts: a message that is sent again brings its receipt again. */
  #newest: readonly string[] = [];

  constructor(path: string, max = RECEIPTS_MAX) {
    this.#path = path;
    this.#max = max;
  }

  /**
   * Adds a receipt, once when it comes again.
   * @returns false when it could not be written: no bid is lost for that
   */
  add(receipt: KeptReceipt): boolean {
    if (this.#newest.includes(receipt.receiptSignature)) return true;
    try {
      this.#lines ??= this.#read().length;
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, `${this.#endsMidLine() ? '\n' : ''}${JSON.stringify(receipt)}\n`, { mode: 0o600 });
      this.#lines += 1;
      this.#newest = [...this.#newest, receipt.receiptSignature].slice(-NEWEST_MAX);
      if (this.#lines >= 2 * this.#max) this.#trim();
      return true;
    } catch {
      return false;
    }
  }

  /** Keeps the newest lines, in one step. */
  #trim(): void {
    const fresh = `${this.#path}.${process.pid}.new`;
    try {
      const kept = this.#read().slice(-this.#max);
      writeFileSync(fresh, `${kept.join('\n')}\n`, { mode: 0o600 });
      renameSync(fresh, this.#path);
      this.#lines = kept.length;
    } finally {
      rmSync(fresh, { force: true });
    }
  }

  #endsMidLine(): boolean {
    if (this.#isLookedAt) return false;
    this.#isLookedAt = true;
    const text = this.#text();
    return text !== '' && !text.endsWith('\n');
  }
  #isLookedAt = false;

  #read(): string[] {
    return this.#text()
      .split('\n')
      .filter((line) => line !== '');
  }

  #text(): string {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }
}
