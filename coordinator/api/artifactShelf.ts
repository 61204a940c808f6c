/**
 * The files of circuits that requesters bring: named by their SHA-256, taken in pieces, so that neither a proving key nor
 * half of an upload is ever held in memory. A file that no circuit names within a day is dropped.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UPLOAD_PIECE_BYTES, type UploadView } from '#protocol/circuitRoutes.js';
import type { Address, Hex } from '#protocol/units.js';
import type { ArtifactStore } from './apiDeps.js';
import { oneAfterAnother } from './oneAfterAnother.js';
import { type Refused, refuse, refuseField } from './refused.js';

/** Largest file of a circuit unless configured otherwise, in bytes. */
export const ARTIFACT_BYTES_MAX = 512 * 1024 * 1024;

/** Unfinished uploads of one account. */
export const UPLOADS_PER_ACCOUNT_MAX = 4;

/** What no circuit names may take so many times the largest file. */
const UNNAMED_FILES_MAX = 4;

/** How long what no circuit names is kept, in milliseconds. */
const UNNAMED_LIFE_MS = 86_400_000;

export interface ArtifactShelfOptions {
  /** Made when missing. Replicas share it. */
  folder: string;
  /** Where the market's own circuits lie. */
  builtIn: ArtifactStore;
  /** {@link ARTIFACT_BYTES_MAX} unless told. */
  fileBytesMax?: number;
  /** Hashes of all files that registered circuits name. */
  named: () => ReadonlySet<Hex>;
  nowMs: () => number;
}

/** A piece of a file. */
export interface Piece {
  bytes: number;
  offset: number;
  piece: Uint8Array;
}

export class ArtifactShelf implements ArtifactStore {
  readonly #options: ArtifactShelfOptions;
  readonly #incoming: string;
  readonly #samples: string;
  readonly #inTurn = oneAfterAnother();

  constructor(options: ArtifactShelfOptions) {
    this.#options = options;
    this.#incoming = join(options.folder, 'incoming');
    this.#samples = join(options.folder, 'samples');
    for (const folder of [this.#incoming, this.#samples]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  pathOf(sha256: Hex): string | null {
    const own = this.#options.builtIn.pathOf(sha256);
    if (own !== null) return own;
    const path = this.#pathOf(sha256);
    return existsSync(path) ? path : null;
  }

  /** How much of a file an account has uploaded. */
  async received(account: Address, sha256: Hex): Promise<UploadView> {
    const whole = this.pathOf(sha256);
    if (whole !== null) return { sha256, receivedBytes: (await stat(whole)).size, complete: true };
    return { sha256, receivedBytes: await sizeOf(this.#partOf(account, sha256)), complete: false };
  }

  /** Appends a piece. Pieces are taken one at a time, so that a client that sends one twice spoils nothing. */
  append(account: Address, sha256: Hex, piece: Piece): Promise<UploadView | Refused> {
    return this.#inTurn(() => this.#append(account, sha256, piece));
  }

  async #append(account: Address, sha256: Hex, { bytes, offset, piece }: Piece): Promise<UploadView | Refused> {
    const before = await this.received(account, sha256);
    if (before.complete) return before;
    const { fileBytesMax = ARTIFACT_BYTES_MAX } = this.#options;
    if (bytes > fileBytesMax) return refuse('artifactTooLarge', `${bytes} bytes, at most ${fileBytesMax}`);
    if (piece.length === 0 || piece.length > UPLOAD_PIECE_BYTES || offset + piece.length > bytes) {
      return refuseField('/piece', `must be 1 to ${UPLOAD_PIECE_BYTES} bytes and end within the file`);
    }
    if (offset !== before.receivedBytes) return refuse('uploadOffset', `continue at ${before.receivedBytes}`);
    const full = await this.#fullness(account, offset === 0, piece.length, UNNAMED_FILES_MAX * fileBytesMax);
    if (full) return full;
    const part = this.#partOf(account, sha256);
    const receivedBytes = offset + piece.length;
    await writeAt(part, offset, piece, receivedBytes === bytes);
    if (receivedBytes < bytes) return { sha256, receivedBytes, complete: false };
    if ((await hashOf(part)) !== sha256) {
      await rm(part, { force: true });
      return refuse('artifactHashMismatch');
    }
    await rename(part, this.#pathOf(sha256));
    return { sha256, receivedBytes, complete: true };
  }

  /** Keeps the public inputs of a circuit's samples. */
  async keepSamples(samples: readonly { inputHash: Hex; input: unknown }[]): Promise<void> {
    await mkdir(this.#samples, { recursive: true });
    for (const { inputHash, input } of samples) await writeFile(this.#sampleOf(inputHash), JSON.stringify(input));
  }

  /** The public input of a sample that was kept; null for others. */
  sampleInput(inputHash: Hex): unknown {
    const path = this.#sampleOf(inputHash);
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
  }

  /** Says no when too much lies here that no circuit names; drops what has lain too long, first. */
  async #fullness(account: Address, isNew: boolean, moreBytes: number, bytesMax: number): Promise<Refused | null> {
    const named = this.#options.named();
    const { nowMs } = this.#options;
    let [unnamedBytes, ofAccount] = [moreBytes, 0];
    for (const folder of [this.#options.folder, this.#incoming]) {
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const found = await stat(path).catch(() => null);
        if (!found?.isFile() || named.has(`0x${name}`)) continue;
        if (nowMs() - found.mtimeMs > UNNAMED_LIFE_MS) {
          await rm(path, { force: true });
          continue;
        }
        unnamedBytes += found.size;
        if (name.endsWith(`.${account}`)) ofAccount += 1;
      }
    }
    if (isNew && ofAccount >= UPLOADS_PER_ACCOUNT_MAX) {
      return refuse('tooManyUploads', `this account has begun ${ofAccount} files; finish them`);
    }
    if (unnamedBytes <= bytesMax) return null;
    return refuse('tooManyUploads', `files that no circuit names would take more than ${bytesMax} bytes`);
  }

  #pathOf(sha256: Hex): string {
    return join(this.#options.folder, sha256.slice(2));
  }

  #partOf(account: Address, sha256: Hex): string {
    return join(this.#incoming, `${sha256.slice(2)}.${account}`);
  }

  #sampleOf(inputHash: Hex): string {
    return join(this.#samples, `${inputHash.slice(2)}.json`);
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function writeAt(path: string, offset: number, piece: Uint8Array, isLast: boolean): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, offset === 0 ? 'w' : 'r+', 0o600);
    await file.write(piece, 0, piece.length, offset);
    if (isLast) await file.sync();
  } catch (error) {
    // What was half written would not go on where the client thinks.
    await file?.truncate(offset).catch(() => undefined);
    throw Object.assign(error as Error, { retryable: true });
  } finally {
    await file?.close();
  }
}

async function hashOf(path: string): Promise<Hex> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk as Uint8Array);
  return `0x${hash.digest('hex')}`;
}
