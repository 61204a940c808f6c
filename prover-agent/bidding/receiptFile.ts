import type { KeptReceipt } from '#protocol/bidReceipt.js';
import { BoundedLines } from '../boundedLines.js';

/** Receipts that the file is cut down to when it has twice as many. */
export const RECEIPTS_MAX = 10_000;

/** Receipts among which one that comes again is known. */
const NEWEST_MAX = 256;

/** A round's id in a receipt's line. */
const ROUND = /"roundId":"(0x[0-9a-f]{64}\.r[0-9]+)"/g;

/**
 * The receipts of a prover's bids, one JSON object a line, oldest first: what an operator checks a log against with
 * `understudy check-bids`. A line that a crash has cut off is passed over by that check.
 */
export class ReceiptFile {
  readonly #lines: BoundedLines;
  /** Signatures of the newest receipts: a message that is sent again brings its receipt again. */
  #newest: readonly string[] = [];

  constructor(path: string, max = RECEIPTS_MAX) {
    this.#lines = new BoundedLines(path, max);
  }

  /** The rounds of the newest receipts; none where the file cannot be read. */
  newestRounds(): Set<string> {
    try {
      const lines = this.#lines.read().slice(-NEWEST_MAX);
      return new Set(lines.flatMap((line) => [...line.matchAll(ROUND)].map(([, roundId]) => roundId!)));
    } catch {
      return new Set();
    }
  }

  /**
   * Adds a receipt, once when it comes again.
   * @returns false when it could not be written: no bid is lost for that
   */
  add(receipt: KeptReceipt): boolean {
    if (this.#newest.includes(receipt.receiptSignature)) return true;
    if (!this.#lines.add(JSON.stringify(receipt))) return false;
    this.#newest = [...this.#newest, receipt.receiptSignature].slice(-NEWEST_MAX);
    return true;
  }
}
