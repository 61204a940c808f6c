/**
 * Watches the log's checkpoints for this browser: each must be signed by the log's key, and hold the very entries of
 * the one seen before, across visits. So a log that is rewritten, rolled back or shown differently is found out.
 */
import { hexToBytes } from '@noble/hashes/utils.js';
import { type Checkpoint, openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyConsistency } from '#protocol/log/consistencyProof.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { equalBytes } from '#protocol/log/merkleTree.js';
import { parseSignedNote } from '#protocol/log/signedNote.js';
import { keyIdText, parseVerifierKey, type VerifierKey } from '#protocol/log/verifierKey.js';
import type { LogView } from '#protocol/logLink.js';
import { client } from '../data/client.js';
import { recall, remember, type SeenCheckpoint } from './seenCheckpoints.js';

export interface LogStatus {
  /** `unchecked` before the first checkpoint. A fault stays: what was once contradicted is not made good. */
  verdict: 'unchecked' | 'sound' | 'broken';
  /** What is wrong, in a sentence. */
  fault: string | null;
  checkpoint: Checkpoint | null;
  /** Index in the market of its first entry, as the coordinator lists it; {@link LogView}. */
  firstIndex: number;
  note: string | null;
  /** Names and key ids of all signatures of the note, and whether they were checked. */
  signatures: { name: string; keyId: string; isChecked: boolean }[];
  /** The first checkpoint that this browser saw of this log; consistency holds from there on. */
  since: SeenCheckpoint | null;
}

/** A checkpoint that was found sound, or why it was not. */
export type Watched = { ok: true; checkpoint: Checkpoint } | { ok: false; fault: string };

/** Why a note was refused, as a sentence. */
const REFUSALS: Record<string, string> = {
  malformedNote: 'The checkpoint is not a signed note.',
  ambiguousKey: 'Two keys of the checkpoint cannot be told apart.',
  invalidSignature: 'The checkpoint carries a signature that is not of the key that it names.',
  noKnownSignature: 'The checkpoint is not signed by the key of this log.',
  notSignedByLog: 'The checkpoint is not signed by the key of this log.',
  malformedCheckpoint: 'The signed note is not a checkpoint.',
  wrongOrigin: 'The checkpoint is that of another log.',
};

/** Opened notes that are kept: the same one comes with many answers. */
const OPENED_MAX = 64;

const UNCHECKED: LogStatus = {
  verdict: 'unchecked',
  fault: null,
  checkpoint: null,
  firstIndex: 0,
  note: null,
  signatures: [],
  since: null,
};

export class LogWatch {
  status: LogStatus = UNCHECKED;
  readonly #key: VerifierKey | undefined;
  readonly #logKey: string;
  readonly #origin: string;
  readonly #opened = new Map<string, Watched>();
  readonly #watchers = new Set<() => void>();
  readonly #logs = new Map<number, LogView>();
  readonly #others = new Map<number, LogWatch>();
  /** Which log of the market it is, where that is known; else the present one as the page was loaded. */
  readonly #number: number | null;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param logKey - the log's vkey: told by the coordinator, and from the first visit on the one remembered */
  constructor(origin: string, logKey: string, number: number | null = null) {
    this.#origin = origin;
    this.#number = number;
    this.#logKey = logKey;
    this.#key = parseVerifierKey(logKey);
    if (!this.#key) this.#break('The market names a key for its log that is not one.');
  }

  onChange(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Asks for the newest checkpoint and takes it. Throws when the coordinator does not answer. */
  async refresh(): Promise<Watched> {
    const note = await this.#newestNote();
    // The market has gone on in a next log: of this one nothing newer will come.
    if (this.status.checkpoint && !note.startsWith(`${this.#origin}\n`) && (await this.#isClosed())) {
      return { ok: true, checkpoint: this.status.checkpoint };
    }
    return await this.take(note);
  }

  /** The watch over a log of the market, by its number: this one where it is its own. Throws when there is no such log. */
  async inLog(number: number): Promise<LogWatch> {
    const log = await this.logOf(number);
    const known = this.#others.get(number);
    if (known) return known;
    const watch = this.#isOwn(log) ? this : new LogWatch(log.origin, log.logKey, number);
    this.#others.set(number, watch);
    return watch;
  }

  /** A log of the market as it was first listed here: none gets another name, key or place. Throws when there is no such log. */
  async logOf(number: number): Promise<LogView> {
    if (!this.#logs.has(number)) await this.#list();
    const log = this.#logs.get(number);
    if (!log) throw new Error(`the coordinator shows no log ${number}`);
    return log;
  }

  async #list(): Promise<LogView[]> {
    const { logs } = await client.call('listLogs', {});
    for (const log of logs) if (!this.#logs.has(log.number)) this.#logs.set(log.number, log);
    return logs;
  }

  #isOwn({ origin, logKey }: LogView): boolean {
    return origin === this.#origin && logKey === this.#logKey;
  }

  async #newestNote(): Promise<string> {
    if (this.#number === null) return await client.call('getCheckpoint', {});
    const place = this.#number === 0 ? '/log/checkpoint' : `/log/${this.#number}/checkpoint`;
    const answer = await fetch(place);
    if (!answer.ok) throw new Error(`${place} answers ${answer.status}`);
    return await answer.text();
  }

  async #isClosed(): Promise<boolean> {
    return (await this.#list()).some((log) => this.#isOwn(log) && log.followedBy !== null);
  }

  /** Checks a checkpoint: its signature, and its consistency with what was seen before. One after the other. */
  async take(note: string): Promise<Watched> {
    const known = this.#opened.get(note);
    if (known) return known;
    const turn = this.#queue.then(() => this.#check(note));
    this.#queue = turn.catch(() => undefined);
    const watched = await turn;
    if (this.#opened.size >= OPENED_MAX) this.#opened.clear();
    this.#opened.set(note, watched);
    return watched;
  }

  /** True when `root` is that of the log's first `size` entries, by a consistencyProof to the newest checkpoint. */
  async isRootOf(size: number, root: Uint8Array): Promise<boolean> {
    const newest = await this.refresh();
    return newest.ok && (await isPrefix({ size, rootHash: root }, newest.checkpoint, await this.#ownNumber()));
  }

  async #check(note: string): Promise<Watched> {
    if (!this.#key) return { ok: false, fault: this.status.fault! };
    const trust = { origin: this.#origin, logKeys: [this.#key] };
    const opened = openCheckpoint(note, trust, verifyEd25519);
    if (!opened.ok) return this.#break(REFUSALS[opened.reason] ?? opened.reason);
    const { checkpoint } = opened;
    const seen = recall(this.#logKey);
    const flaw = seen && (await contradiction(seen.newest, checkpoint, await this.#ownNumber()));
    if (flaw) return this.#break(flaw);
    const since = remember(this.#logKey, checkpoint, Date.now());
    if (checkpoint.size > (this.status.checkpoint?.size ?? -1) || this.#saysMore(checkpoint, note)) {
      const verdict = this.status.verdict === 'broken' ? 'broken' : 'sound';
      const firstIndex = (await this.#place())?.firstIndex ?? 0;
      const signatures = this.#signaturesOf(note);
      this.#become({ ...this.status, verdict, checkpoint, firstIndex, note, since, signatures });
    }
    return { ok: true, checkpoint };
  }

  /** True when a note of the same tree has more signatures: cosigners come later than the log's own. */
  #saysMore({ size }: Checkpoint, note: string): boolean {
    return size === this.status.checkpoint?.size && this.#signaturesOf(note).length > this.status.signatures.length;
  }

  /** Where it stands among the market's logs, for questions about its tree; null when they are none of it. */
  async #place(): Promise<LogView | null> {
    const find = () => [...this.#logs.values()].find((log) => this.#isOwn(log)) ?? null;
    if (!find()) await this.#list();
    return find();
  }

  async #ownNumber(): Promise<number> {
    return this.#number ?? (await this.#place())?.number ?? Math.max(0, this.#logs.size - 1);
  }

  #signaturesOf(note: string): LogStatus['signatures'] {
    return (parseSignedNote(note)?.signatures ?? []).map(({ name, keyId }) => ({
      name,
      keyId: keyIdText(keyId),
      isChecked: name === this.#key?.name && keyId === this.#key.keyId,
    }));
  }

  #break(fault: string): Watched {
    this.#become({ ...this.status, verdict: 'broken', fault: this.status.fault ?? fault });
    return { ok: false, fault };
  }

  #become(status: LogStatus): void {
    this.status = status;
    for (const watcher of this.#watchers) watcher();
  }
}

type Root = Pick<Checkpoint, 'size' | 'rootHash'>;

/** What a checkpoint says against one that was seen before, in a sentence; null when they are of one log. */
async function contradiction(seen: Root, checkpoint: Checkpoint, log: number): Promise<string | null> {
  const [older, newer] = seen.size <= checkpoint.size ? [seen, checkpoint] : [checkpoint, seen];
  if (await isPrefix(older, newer, log)) return null;
  return (
    `The log of ${checkpoint.size} entries that the coordinator shows now does not agree with the log of ` +
    `${seen.size} entries that this browser saw before: entries were changed or taken away.`
  );
}

/** True when the older log is the beginning of the newer one. A no of the coordinator is no proof, so false. */
async function isPrefix(older: Root, newer: Root, log: number): Promise<boolean> {
  if (older.size === newer.size) return equalBytes(older.rootHash, newer.rootHash);
  if (older.size === 0) return true;
  const query = { from: older.size, to: newer.size, log };
  const answer = await client.call('getConsistency', { query }).catch((error: { retryable?: boolean }) => {
    if (error.retryable) throw error;
    return null;
  });
  if (!answer) return false;
  const path = answer.consistencyProof.map((hash) => hexToBytes(hash));
  const [fromRoot, toRoot] = [older.rootHash, newer.rootHash];
  return verifyConsistency({ fromSize: older.size, fromRoot, toSize: newer.size, toRoot, path });
}
