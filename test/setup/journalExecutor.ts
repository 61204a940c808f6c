import type { Pool } from 'pg';
import { openJournal } from '#journal/journal.js';
import type { Journal } from '#journal/journalPort.js';
import type { Command } from '#market/command.js';
import type { MarketState } from '#market/state.js';
import type { Entry } from '#protocol/entries.js';
import type { Hex } from '#protocol/units.js';
import type { Executed, Executor } from './marketDriver.js';
import { keysOf, OPERATOR } from './testOperator.js';

/** Executes commands through a journal on a real database. */
export class JournalExecutor implements Executor {
  nowMs = 0;
  /** Digests that were answered with "accepted": what invariant I1 is about. */
  readonly acknowledged = new Set<Hex>();
  journal!: Journal;
  readonly errors: string[] = [];

  static async open(pool: Pool, operatorKey = OPERATOR): Promise<JournalExecutor> {
    const executor = new JournalExecutor();
    executor.journal = await openJournal({
      pool,
      keys: keysOf(operatorKey),
      nowMs: () => executor.nowMs,
      log: { error: (_fields, message) => executor.errors.push(message) },
    });
    return executor;
  }

  state(): MarketState {
    return this.journal.state();
  }

  async execute(command: Command, digest: Hex | null, nowMs: number): Promise<Executed> {
    this.nowMs = Math.max(this.nowMs, nowMs);
    const jobInputs = command.kind === 'submitBlock' ? command.jobs.map((_, index) => ({ index })) : [];
    const outcome = await this.journal.execute(command, digest, { jobInputs });
    if (!outcome.ok) return { ok: false, code: outcome.rejection.code };
    if (digest) this.acknowledged.add(digest);
    const { firstIndex, entryCount } = outcome.accepted;
    const rows = entryCount > 0 ? await this.journal.readEntries(firstIndex, entryCount) : [];
    return { ok: true, entries: rows.map(({ leaf }) => JSON.parse(leaf) as Entry) };
  }
}
