/**
 * Copies a market's logs into a folder: tiles, entry bundles, long entries, artifacts and the checkpoint, laid out as they are
 * served. Every byte is checked on the way, and what is there already is not fetched again.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Entry, EntryOf } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import { decodeEntryBundle } from '#protocol/log/entryBundle.js';
import { isNamedBy, stubOf } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, leafHash, rootOf, type TreeNode } from '#protocol/log/merkleTree.js';
import { encodeTile, entryBundlePath, TILE_HEIGHT, TILE_WIDTH, tilePath } from '#protocol/log/tiles.js';
import type { LogView } from '#protocol/logLink.js';
import { fileOf } from './boundedRead.js';
import { copyArtifact, type NamedArtifact } from './copyArtifact.js';
import { LOG_FILE_BYTES_MAX, logPrefix, type TileSource } from './tileSource.js';
import { checkpointFlaw, claimedSize, firstEntryFlaw } from './walkLog.js';

export interface MirrorOptions {
  /** Copy witness generators and proving keys too: with them the folder is enough to check and to carry on. */
  artifacts: boolean;
  /** Told the number of entries done and in all. */
  onProgress?: (done: number, size: number) => void;
}

export interface MirrorReport {
  size: number;
  /** SHA-256 of artifacts that the source did not have, in hexadecimal. */
  missing: string[];
}

/** The source's log is not what its checkpoint says, or not the one that the folder holds. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError';
}

/** Where a folder keeps what a log's static files are named by. */
export const MIRROR_PATHS = {
  logs: 'logs',
  checkpoint: 'checkpoint',
  cosigned: 'cosigned',
  entry: (sha256: string) => `entry/${sha256}`,
  blob: (sha256: string) => `blobs/${sha256}`,
} as const;

/**
 * Copies all logs of a market, the first one into the folder, the others into folders in it that have their numbers.
 * @param source - of the first log
 * @returns how many entries there are in all
 * @throws MirrorError; the checkpoint of the log that is not good is then still the one of before
 */
export async function mirrorLog(source: TileSource, folder: string, options: MirrorOptions): Promise<MirrorReport> {
  const artifacts = new Map<string, NamedArtifact>();
  const logs: CopiedLog[] = [];
  for (let log: TileSource | null = source; log; ) {
    const next: TileSource | null = (await log.next?.()) ?? null;
    logs.push(
      await copyLog(log, join(folder, logPrefix(logs.length)), { options, artifacts, before: logs.at(-1) ?? null }),
    );
    log = next;
  }
  const missing: string[] = [];
  for (const artifact of options.artifacts ? artifacts.values() : []) {
    const path = join(folder, MIRROR_PATHS.blob(artifact.sha256));
    if (!existsSync(path) && !(await copyArtifact(source, path, artifact))) missing.push(artifact.sha256);
  }
  write(join(folder, MIRROR_PATHS.logs), Buffer.from(JSON.stringify({ logs: listOf(logs) })));
  const { firstIndex, size } = logs.at(-1)!;
  return { size: firstIndex + size, missing };
}

interface CopiedLog {
  firstIndex: number;
  size: number;
  root: Uint8Array;
  first: EntryOf<'marketOpened'> | EntryOf<'logOpened'>;
  /** It ends with a logClosed. */
  isClosed: boolean;
}

interface Copying {
  options: MirrorOptions;
  /** The files that registered circuits name, by their SHA-256, added to here. */
  artifacts: Map<string, NamedArtifact>;
  before: CopiedLog | null;
}

async function copyLog(source: TileSource, folder: string, copying: Copying): Promise<CopiedLog> {
  const { options, artifacts, before: last } = copying;
  const cosigned = (await source.cosigned?.()) ?? null;
  const note = await source.checkpoint();
  const size = claimedSize(note);
  const kept = await readIfThere(folder, MIRROR_PATHS.checkpoint, LOG_FILE_BYTES_MAX.note);
  if (kept && claimedSize(kept.toString('utf8')) > size) {
    throw new MirrorError(`the log has ${size} entries; ${folder} holds a checkpoint of more: it was rolled back`);
  }
  const firstIndex = last ? last.firstIndex + last.size : 0;
  const tiles = new TileWriter(folder);
  let [first, newest]: (Entry | null)[] = [null, null];
  let frontier = emptyFrontier();
  while (frontier.size < size) {
    const width = Math.min(TILE_WIDTH, size - frontier.size);
    const leaves = await bundleOf(source, folder, frontier.size / TILE_WIDTH, width);
    for (const leaf of leaves) {
      const { entry, flaw } = readEntryText(await entryOf(source, folder, leaf));
      if (!entry) throw new MirrorError(`entry ${firstIndex + frontier.size} is ${flaw}`);
      first ??= entry;
      newest = entry;
      noteArtifacts(artifacts, entry);
      const grown = appendLeaf(frontier, leafHash(leaf));
      frontier = grown.frontier;
      tiles.take(grown.completed);
    }
    options.onProgress?.(firstIndex + frontier.size, firstIndex + size);
  }
  const root = rootOf(frontier);
  const named = first && 'logKey' in first ? first : null;
  const flaw = (first && firstEntryFlaw(first, last)) ?? checkpointFlaw(note, named, frontier.size, root);
  if (flaw || !named) throw new MirrorError(`${flaw}. Was ${folder} made from another log?`);
  tiles.end();
  if (cosigned !== null) write(join(folder, MIRROR_PATHS.cosigned), Buffer.from(cosigned));
  write(join(folder, MIRROR_PATHS.checkpoint), Buffer.from(note));
  return { firstIndex, size, root, first: named, isClosed: newest?.type === 'logClosed' };
}

/** The logs as `/log/logs` lists them. */
function listOf(logs: readonly CopiedLog[]): LogView[] {
  return logs.map(({ firstIndex, size, first: { origin, logKey }, isClosed }, number) => {
    const next = logs[number + 1]?.first;
    const isOver = next?.type === 'logOpened';
    const end = isOver
      ? { size, followedBy: next.cause, closedAtMs: next.atMs }
      : { size: null, followedBy: null, closedAtMs: null };
    return { number, origin, logKey, firstIndex, ...end, isAnnounced: isClosed };
  });
}

/** Takes note of the files of a circuit that an entry registers; what is named twice, with its larger size. */
export function noteArtifacts(artifacts: Map<string, NamedArtifact>, entry: Entry): void {
  if (entry.type !== 'circuitRegistered') return;
  for (const named of [entry.wasm, entry.zkey]) {
    const sha256 = named.sha256.slice('0x'.length);
    artifacts.set(sha256, { sha256, bytes: Math.max(named.bytes, artifacts.get(sha256)?.bytes ?? 0) });
  }
}

/** A file of the folder, which somebody else may have made; null when it is not there. Throws as {@link fileOf} does. */
async function readIfThere(folder: string, path: string, bytesMax: number): Promise<Buffer | null> {
  return existsSync(join(folder, path)) ? Buffer.from(await fileOf(folder, path, bytesMax)) : null;
}

async function bundleOf(source: TileSource, folder: string, index: number, width: number): Promise<Uint8Array[]> {
  const path = entryBundlePath({ index, width });
  const kept = await readIfThere(folder, path, LOG_FILE_BYTES_MAX.bundle);
  const bytes = kept ? new Uint8Array(kept) : await source.bundle({ index, width });
  const leaves = decodeEntryBundle(bytes, width);
  if (!leaves) throw new MirrorError(`entry bundle ${index} does not hold ${width} entries`);
  if (!kept) write(join(folder, path), bytes);
  return leaves;
}

/** The entry that a leaf stands for, as text. */
async function entryOf(source: TileSource, folder: string, leaf: Uint8Array): Promise<string> {
  const text = Buffer.from(leaf).toString('utf8');
  const stub = stubOf(text);
  if (!stub) return text;
  const path = MIRROR_PATHS.entry(stub.sha256);
  const kept = await readIfThere(folder, path, LOG_FILE_BYTES_MAX.longEntry);
  const bytes = kept ? new Uint8Array(kept) : await source.longEntry(stub.sha256);
  if (!isNamedBy(stub, bytes)) throw new MirrorError(`the long entry ${stub.sha256} has another hash or length`);
  if (!kept) write(join(folder, path), bytes);
  return Buffer.from(bytes).toString('utf8');
}

/** Writes tiles when they are full, and the partial ones at the end. */
class TileWriter {
  private readonly folder: string;
  private readonly rows = new Map<string, { level: number; index: number; hashes: Uint8Array[] }>();

  constructor(folder: string) {
    this.folder = folder;
  }

  take(nodes: readonly TreeNode[]): void {
    for (const { level, index, hash } of nodes) {
      if (level % TILE_HEIGHT !== 0) continue;
      const tile = { level: level / TILE_HEIGHT, index: Math.floor(index / TILE_WIDTH) };
      const key = `${tile.level}/${tile.index}`;
      const row = this.rows.get(key) ?? { ...tile, hashes: [] };
      row.hashes.push(hash);
      this.rows.set(key, row);
      if (row.hashes.length === TILE_WIDTH) this.write(key);
    }
  }

  end(): void {
    for (const key of [...this.rows.keys()]) this.write(key);
  }

  private write(key: string): void {
    const { level, index, hashes } = this.rows.get(key)!;
    this.rows.delete(key);
    write(join(this.folder, tilePath({ level, index, width: hashes.length })), encodeTile(hashes));
  }
}

/** Writes a file that is whole whenever it is there. What stands in its place and is no file is not opened. */
function write(path: string, bytes: Uint8Array): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isFile() && there.size === bytes.length && readFileSync(path).equals(bytes)) return;
  mkdirSync(dirname(path), { recursive: true });
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, bytes, { flag: 'wx' });
  renameSync(`${path}.new`, path);
}
