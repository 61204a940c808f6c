/**
 * Closes rounds. A small one is cleared by the writer; a large one is cleared in a thread of its own, so that nobody
 * waits for it, and its result is committed if nothing that it read has changed. After a few vain attempts the writer
 * clears it all the same.
 */
import { Worker } from 'node:worker_threads';
import type { Journal } from '#journal/journalPort.js';
import type { ClearingInput, ClearingResult } from '#market/clear.js';
import { clearingInput } from '#market/commands/closeRound.js';
import { clearsAtMs, openedInOrder } from '#market/commitReveal.js';
import { isLarge, type PreparedClearing } from '#market/preparedClearing.js';

/** How often a large round is cleared beside the writer before the writer does it itself. */
export const PREPARED_ATTEMPTS_MAX = 3;

export interface RoundCloser {
  /** Closes a round whose window has closed; calls for a round that is being closed wait for the same closing. */
  close(roundId: string): Promise<void>;
}

/**
 * Makes a closer of rounds.
 * @param computeClearing - computes a clearing off this thread; {@link clearInThread} unless told
 */
export function createRoundCloser(options: {
  journal: Journal;
  nowMs: () => number;
  computeClearing?: (input: ClearingInput) => Promise<ClearingResult>;
}): RoundCloser {
  const running = new Map<string, Promise<void>>();
  const computeClearing = options.computeClearing ?? clearInThread;
  return {
    close(roundId) {
      const known = running.get(roundId);
      if (known) return known;
      const closing = closeRound(options, computeClearing, roundId).finally(() => running.delete(roundId));
      running.set(roundId, closing);
      return closing;
    },
  };
}

async function closeRound(
  { journal, nowMs }: { journal: Journal; nowMs: () => number },
  computeClearing: (input: ClearingInput) => Promise<ClearingResult>,
  roundId: string,
): Promise<void> {
  for (let attempt = 0; attempt < PREPARED_ATTEMPTS_MAX; attempt += 1) {
    const input = await readInput(journal, roundId, nowMs());
    if (!input || !isLarge(input)) break;
    const prepared: PreparedClearing = { input, result: await computeClearing(input) };
    const asOfMs = input.nowMs;
    const outcome = await journal.execute({ kind: 'closeRound', roundId, bids: [], asOfMs, prepared }, null);
    if (outcome.ok && outcome.accepted.entryCount > 0) return;
  }
  await journal.execute({ kind: 'closeRound', roundId, bids: [] }, null);
}

/** What the clearing would read now; null when the round is not to be closed. */
async function readInput(journal: Journal, roundId: string, nowMs: number): Promise<ClearingInput | null> {
  const round = journal.state().rounds.get(roundId);
  const asOfMs = Math.max(nowMs, journal.state().lastAtMs);
  const dueMs = round ? clearsAtMs(round) : null;
  if (!round || round.clearedAtMs !== null || dueMs === null || asOfMs < dueMs) return null;
  if (round.sealing === 'commitReveal') return clearingInput(journal.state(), round, openedInOrder(round), asOfMs);
  const bids = await journal.sealedBids([...round.bids.values()]);
  const byDigest = new Map(bids.map((bid) => [bid.digest, bid]));
  const inOrder = [...round.bids.values()].flatMap((digest) => byDigest.get(digest) ?? []);
  return inOrder.length === round.bids.size ? clearingInput(journal.state(), round, inOrder, asOfMs) : null;
}

/** Computes a clearing in a new thread, which ends with it. Throws when the thread fails. */
export function clearInThread(input: ClearingInput): Promise<ClearingResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./clearWorker.js', import.meta.url), { workerData: input });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the clearing's thread ended with ${code} and no result`)));
  });
}
