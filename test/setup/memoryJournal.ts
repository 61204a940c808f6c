import type { CommittedEntry, Journal, Outcome } from '#journal/journalPort.js';
import type { Command } from '#market/command.js';
import { decide } from '#market/decide.js';
import { evolve } from '#market/evolve.js';
import { emptyState, type MarketState } from '#market/state.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import type { Hex } from '#protocol/units.js';

const ZERO_DIGEST: Hex = `0x${'0'.repeat(64)}`;

/**
 * The journal's port over the rules in memory: for measuring what stands before the journal. Nothing is durable, there
 * is no tree and there are no tables, so it has no checkpoints and no proofs.
 */
export class MemoryJournal implements Journal {
  readonly entries: CommittedEntry[] = [];
  readonly #live = emptyState();
  readonly #answers = new Map<Hex, Outcome>();
  readonly #listeners = new Set<(entries: CommittedEntry[]) => void>();
  readonly #nowMs: () => number;
  readonly sign: (bytes: Uint8Array) => Uint8Array;

  constructor(options: { nowMs: () => number; sign: (bytes: Uint8Array) => Uint8Array }) {
    this.#nowMs = options.nowMs;
    this.sign = options.sign;
  }

  async execute(command: Command, digest: Hex | null): Promise<Outcome> {
    const known = digest && this.#answers.get(digest);
    if (known) return known;
    const atMs = this.#nowMs();
    const decision = decide(this.#live, command, atMs);
    if (!decision.ok) return decision;
    const firstIndex = this.#live.size;
    const committed = decision.entries.map((entry) => {
      const index = this.#live.size;
      evolve(this.#live, entry);
      return { index, entry, leaf: canonicalJson(entry) };
    });
    this.entries.push(...committed);
    const entryCount = committed.length;
    const outcome: Outcome = { ok: true, accepted: { digest: digest ?? ZERO_DIGEST, firstIndex, entryCount, atMs } };
    if (digest) this.#answers.set(digest, outcome);
    for (const listener of this.#listeners) listener(committed);
    return outcome;
  }

  state(): MarketState {
    return this.#live;
  }

  size(): number {
    return this.#live.size;
  }

  onCommitted(listener: (entries: CommittedEntry[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async readEntries(from: number, limit: number): Promise<{ index: number; leaf: string }[]> {
    return this.entries.slice(from, from + limit).map(({ index, leaf }) => ({ index, leaf }));
  }

  async catchUp(): Promise<void> {}

  async checkpoint(): Promise<string> {
    return '';
  }

  async inclusionProof(): Promise<null> {
    return null;
  }

  async consistencyProof(): Promise<null> {
    return null;
  }

  async close(): Promise<void> {}
}
