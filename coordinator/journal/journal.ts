/**
 * The one writer. Commands queue in the process; the writer takes all that wait, opens one transaction, locks the
 * log's head row, catches up with what other replicas have written, decides the commands one by one, writes everything
 * they led to, commits, and only then answers. The head row makes any number of replicas take turns.
 *
 * The live state is kept in memory between batches: a replica that finds the head further than its state folds the
 * missing entries first. When a transaction fails, nobody knows what the database holds, so the state is loaded anew.
 */
import type { Pool, PoolClient } from 'pg';
import type { Command, CommandOf } from '#market/command.js';
import { decide } from '#market/decide.js';
import { evolve } from '#market/evolve.js';
import { logsOf } from '#market/logChain.js';
import { emptyState, forgetCompleted, type MarketState } from '#market/state.js';
import { type WakeUp, wakeUpsByEntity } from '#market/wakeUps.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import type { LogName } from '#protocol/logLink.js';
import type { Hex } from '#protocol/units.js';
import { isFinal, knownAnswers } from './answers.js';
import type { CommittedEntry, Journal, LogTree, Outcome, PrivateRows } from './journalPort.js';
import { JournalReads } from './journalReads.js';
import { type LogHead, loadState, readHead } from './loadState.js';
import type { OperatorKey, OperatorKeys } from './operatorKey.js';
import { PresentTree } from './presentTree.js';
import { keepPrivate, readSealedBids } from './privateRows.js';
import { nothingTouched, touch, wakeUpsOfTouched } from './projection.js';
import { inTransaction, isConnectionError } from './transaction.js';
import { type BatchWrites, completedBlocks, noWrites, writeBatch } from './writeBatch.js';

/** Most commands that may wait for the writer. */
export const JOURNAL_QUEUE_MAX = 20_000;

/** Most commands in one transaction. */
export const JOURNAL_BATCH_MAX = 512;

const CATCH_UP_PAGE = 1_000;
const ZERO_DIGEST: Hex = `0x${'0'.repeat(64)}`;

/** The writer has more waiting than it takes, or the database failed: the same message may be sent again. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly retryable = true;
}

export interface JournalOptions {
  pool: Pool;
  keys: OperatorKeys;
  nowMs: () => number;
  log: { error(fields: object, message: string): void };
  /** Told of wake-ups that a commit has added, for the bells. */
  onWakeUps?: (wakeUps: WakeUp[]) => void;
}

interface Waiting {
  command: Command;
  digest: Hex | null;
  privateRows: PrivateRows;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

/** Opens the journal on a migrated database. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const writer = new Writer(options);
  await writer.load();
  return writer;
}

class Writer extends JournalReads implements Journal {
  private live: MarketState = emptyState();
  private readonly tree = new PresentTree();
  private wakeUps = new Map<string, WakeUp[]>();
  private stale = false;
  /** Entries that listeners have been told of: all of them are committed, unlike what a running batch has evolved. */
  private announced = 0;
  private readonly waiting: Waiting[] = [];
  private readonly listeners = new Set<(entries: CommittedEntry[]) => void>();
  private turn: Promise<void> = Promise.resolve();
  private draining = false;
  private closed = false;
  private readonly options: JournalOptions;

  constructor(options: JournalOptions) {
    super(options.pool);
    this.options = options;
  }

  state(): MarketState {
    return this.live;
  }

  size(): number {
    return this.announced;
  }

  sign(log: LogName, bytes: Uint8Array): Uint8Array | null {
    return this.options.keys.of(log)?.sign(bytes) ?? null;
  }

  onCommitted(listener: (entries: CommittedEntry[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async execute(command: Command, digest: Hex | null, privateRows: PrivateRows = {}): Promise<Outcome> {
    if (this.closed) throw new JournalError('the journal is closed');
    if (this.waiting.length >= JOURNAL_QUEUE_MAX) throw new JournalError('too many commands wait for the writer');
    return new Promise((resolve, reject) => {
      this.waiting.push({ command, digest, privateRows, resolve, reject });
      if (!this.draining) void this.drain();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    while (this.draining) await this.turn;
    await this.turn;
  }

  /** Loads the live state from the tables, or the empty one before the first entry. */
  async load(): Promise<void> {
    await inTransaction(this.pool, 'REPEATABLE READ', async (client) => {
      await client.query(
        `INSERT INTO log_head (id, size, last_at_ms, frontier, checkpoint) VALUES (1, 0, 0, '', '')
         ON CONFLICT DO NOTHING`,
      );
    });
    await inTransaction(this.pool, 'REPEATABLE READ', (client) => this.reload(client));
  }

  /** Folds what other replicas have committed since the last batch. Cheap when there is nothing. */
  async catchUp(): Promise<void> {
    await this.exclusively(async () => {
      const head = await readHead(this.pool, false);
      if (!head || (!this.stale && head.size === this.live.size)) return;
      await inTransaction(this.pool, 'REPEATABLE READ', async (client) => {
        const now = (await readHead(client, false)) as LogHead;
        await this.follow(client, now);
      });
    });
  }

  async checkpoint(): Promise<string> {
    return (await readHead(this.pool, false))?.checkpoint ?? this.tree.checkpoint;
  }

  async logs(): Promise<LogTree[]> {
    const head = await readHead(this.pool, false);
    if (!head) return [];
    if (head.number > this.live.earlierLogs.length) await this.catchUp();
    const views = logsOf(this.live);
    const earlier = this.live.earlierLogs.map(({ checkpoint }, number) => ({ view: views[number]!, checkpoint }));
    const present = views[head.number];
    return present ? [...earlier.slice(0, head.number), { view: present, checkpoint: head.checkpoint }] : earlier;
  }

  async rotate(next: LogName, reason: string): Promise<Outcome> {
    if (this.closed) throw new JournalError('the journal is closed');
    let outcome: Outcome | undefined;
    await this.exclusively(async () => {
      const done = await this.transact(async () => {
        const writes = noWrites(nothingTouched());
        outcome = this.decideAlone({ kind: 'closeLog', next, reason }, writes);
        if (!outcome.ok) return writes;
        const previous = { size: this.tree.size, ...this.tree.sign(this.key()) };
        const opened = this.decideAlone({ kind: 'openLog', cause: 'rotation', ...next, previous }, writes);
        if (!opened.ok) throw new Error(`the next log cannot be opened: ${opened.rejection.detail}`);
        return writes;
      });
      this.afterCommit(done.committed, done.fresh);
    }).catch((cause) => {
      this.stale = true;
      throw new JournalError('the log could not be closed', { cause });
    });
    return outcome!;
  }

  /** One thing at a time: a batch or a catch-up. */
  private exclusively(work: () => Promise<void>): Promise<void> {
    const next = this.turn.then(work);
    this.turn = next.catch(() => {});
    return next;
  }

  private async drain(): Promise<void> {
    this.draining = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, JOURNAL_BATCH_MAX);
      await this.exclusively(() => this.runBatch(batch)).catch((error) => this.failBatch(batch, error));
    }
    this.draining = false;
  }

  /** After an error of the database nothing is known: load anew. A batch is retried one by one, so that one command
   * that breaks an invariant cannot take others with it. */
  private async failBatch(batch: Waiting[], error: unknown): Promise<void> {
    this.stale = true;
    this.options.log.error({ err: error, commands: batch.length }, 'a batch failed');
    if (batch.length === 1 || isConnectionError(error)) {
      for (const one of batch) one.reject(new JournalError('the journal could not write', { cause: error }));
      return;
    }
    for (const one of batch) {
      await this.exclusively(() => this.runBatch([one])).catch((cause) => {
        this.stale = true;
        one.reject(new JournalError('the journal could not write', { cause }));
      });
    }
  }

  private async runBatch(batch: Waiting[]): Promise<void> {
    const outcomes: Outcome[] = [];
    const { committed, fresh } = await this.transact((client) => this.decideAll(client, batch, outcomes));
    for (const [index, one] of batch.entries()) one.resolve(outcomes[index]!);
    this.afterCommit(committed, fresh);
  }

  /** One transaction at the locked head: decides on the newest state, and writes what that leads to. */
  private async transact(
    decideOn: (client: PoolClient) => Promise<BatchWrites>,
  ): Promise<{ committed: CommittedEntry[]; fresh: WakeUp[] }> {
    let committed: CommittedEntry[] = [];
    let fresh: WakeUp[] = [];
    await inTransaction(this.pool, 'READ COMMITTED', async (client) => {
      await this.follow(client, (await readHead(client, true)) as LogHead);
      const writes = await decideOn(client);
      committed = writes.entries;
      if (writes.entries.length === 0 && writes.answers.length === 0) return;
      fresh = await writeBatch(client, this.live, writes, this.wakeUps);
      this.tree.sign(this.key());
      await this.tree.writeHead(client, this.live.lastAtMs);
    });
    return { committed, fresh };
  }

  /** The key of the present log. Throws when it is not here: the market then goes on elsewhere. */
  private key(): OperatorKey {
    const { market } = this.live;
    const key = market && this.options.keys.of(market);
    if (!key) throw new Error(`the key of the log ${market?.origin} is not here`);
    return key;
  }

  /** The batch is durable and answered: nothing in here may make it count as failed. */
  private afterCommit(committed: CommittedEntry[], fresh: WakeUp[]): void {
    try {
      for (const blockId of completedBlocks(committed)) this.forget(blockId);
      this.announce(committed);
      if (fresh.length > 0) this.options.onWakeUps?.(fresh);
    } catch (error) {
      this.stale = true;
      this.options.log.error({ err: error }, 'what follows a commit failed; the state is loaded anew');
    }
  }

  private async decideAll(client: PoolClient, batch: Waiting[], outcomes: Outcome[]): Promise<BatchWrites> {
    const writes = noWrites(nothingTouched());
    const answers = await knownAnswers(
      client,
      batch.flatMap(({ digest }) => digest ?? []),
    );
    const sealed = new Map<Hex, CommandOf<'closeRound'>['bids'][number]>();
    for (const waiting of batch) {
      const known = waiting.digest && answers.get(waiting.digest);
      const outcome = known || (await this.decideOne(client, waiting, writes, sealed));
      if (waiting.digest && !known && isFinal(outcome)) {
        answers.set(waiting.digest, outcome);
        const { digest, command } = waiting;
        writes.answers.push({ digest, kind: command.kind, atMs: this.now(), answer: outcome });
      }
      outcomes.push(outcome);
    }
    return writes;
  }

  private now(): number {
    return Math.max(this.options.nowMs(), this.live.lastAtMs);
  }

  private async decideOne(
    client: PoolClient,
    { command, digest, privateRows }: Waiting,
    writes: BatchWrites,
    sealed: Map<Hex, CommandOf<'closeRound'>['bids'][number]>,
  ): Promise<Outcome> {
    const atMs = this.now();
    const complete = command.kind === 'closeRound' ? await this.attachBids(client, command, sealed) : command;
    const outcome = this.decideAlone(complete, writes, atMs, digest ?? ZERO_DIGEST);
    if (!outcome.ok || outcome.accepted.entryCount === 0) return outcome;
    keepPrivate(command, privateRows, outcome.accepted.firstIndex, writes, sealed);
    return outcome;
  }

  /** Decides a command that needs nothing beside the state, and appends what it leads to. */
  private decideAlone(command: Command, writes: BatchWrites, atMs = this.now(), digest = ZERO_DIGEST): Outcome {
    const decision = decide(this.live, command, atMs);
    if (!decision.ok) return decision;
    const firstIndex = this.live.size;
    for (const entry of decision.entries) this.append(entry, writes);
    return { ok: true, accepted: { digest, firstIndex, entryCount: decision.entries.length, atMs } };
  }

  private append(entry: Entry, writes: BatchWrites): void {
    const leaf = canonicalJson(entry);
    const index = this.live.size;
    evolve(this.live, entry);
    touch(writes.touched, this.live, entry);
    if (entry.type === 'logOpened') this.tree.beginNext(index);
    writes.treeNodes.push(...this.tree.append(leaf));
    writes.entries.push({ index, entry, leaf });
  }

  /** The sealed bids behind a round's commitments, from this batch or from the table. */
  private async attachBids(
    client: PoolClient,
    command: CommandOf<'closeRound'>,
    sealed: Map<Hex, CommandOf<'closeRound'>['bids'][number]>,
  ): Promise<CommandOf<'closeRound'>> {
    const round = this.live.rounds.get(command.roundId);
    const digests = round?.sealing === 'receipt' && round.clearedAtMs === null ? [...round.bids.values()] : [];
    const missing = digests.filter((digest) => !sealed.has(digest));
    for (const row of await readSealedBids(client, missing)) sealed.set(row.digest, row);
    return { ...command, bids: digests.flatMap((digest) => sealed.get(digest) ?? []) };
  }

  /** Brings the live state to the head: by folding the missing entries, or anew when it cannot be trusted. */
  private async follow(client: PoolClient, head: LogHead): Promise<void> {
    if (this.stale) {
      await this.reload(client);
      return;
    }
    while (this.live.size < head.size) {
      const { rows } = await client.query<{ leaf: string }>(
        'SELECT leaf FROM entries WHERE index >= $1 AND index < $2 ORDER BY index',
        [this.live.size, Math.min(head.size, this.live.size + CATCH_UP_PAGE)],
      );
      if (rows.length === 0) throw new Error(`the log has a gap at ${this.live.size}`);
      this.foldForeign(rows.map(({ leaf }) => leaf));
    }
    this.tree.load(head);
  }

  private foldForeign(leaves: string[]): void {
    const touched = nothingTouched();
    const entries = leaves.map((leaf) => ({ index: 0, entry: JSON.parse(leaf) as Entry, leaf }));
    for (const one of entries) {
      one.index = this.live.size;
      evolve(this.live, one.entry);
      touch(touched, this.live, one.entry);
    }
    for (const [entity, wakeUps] of wakeUpsOfTouched(touched, this.live)) this.wakeUps.set(entity, wakeUps);
    for (const blockId of completedBlocks(entries)) this.forget(blockId);
    this.announce(entries);
  }

  private forget(blockId: Hex): void {
    const block = this.live.blocks.get(blockId);
    for (const jobId of block?.jobIds ?? []) this.wakeUps.delete(jobId);
    for (let number = 0; number < (block?.roundCount ?? 0); number += 1) this.wakeUps.delete(`${blockId}.r${number}`);
    forgetCompleted(this.live, blockId);
  }

  private async reload(client: PoolClient): Promise<void> {
    const head = (await readHead(client, false)) as LogHead;
    const from = this.announced;
    this.live = await loadState(client, head);
    this.tree.load(head);
    this.wakeUps = wakeUpsByEntity(this.live);
    const wasStale = this.stale;
    this.stale = false;
    if (wasStale) await this.announceFrom(client, from, head.size);
    this.announced = head.size;
  }

  /** Tells listeners of entries that were committed although this process saw an error. */
  private async announceFrom(client: PoolClient, from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += CATCH_UP_PAGE) {
      const { rows } = await client.query(
        'SELECT index, leaf FROM entries WHERE index >= $1 AND index < $2 ORDER BY index',
        [at, Math.min(to, at + CATCH_UP_PAGE)],
      );
      this.announce(rows.map(({ index, leaf }) => ({ index: Number(index), entry: JSON.parse(leaf), leaf })));
    }
  }

  /** Tells listeners of committed entries, of each once. */
  private announce(committed: CommittedEntry[]): void {
    const entries = committed.filter(({ index }) => index >= this.announced);
    if (entries.length === 0) return;
    this.announced = entries.at(-1)!.index + 1;
    for (const listener of this.listeners) {
      try {
        listener(entries);
      } catch (error) {
        this.options.log.error({ err: error }, 'a listener of the journal threw');
      }
    }
  }
}
