/**
 * A cosigner: keeps the last checkpoint of each log that it knows, and cosigns a newer one only if the log has grown out of
 * that. The protocol is C2SP tlog-witness, `add-checkpoint`.
 */
import { decodeBase64 } from '#protocol/log/base64.js';
import { openCheckpoint, parseCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyConsistency } from '#protocol/log/consistencyProof.js';
import { signCosignature } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { emptyRoot, equalBytes, isHash, isSize } from '#protocol/log/merkleTree.js';
import { formatSignedNote, parseSignedNote } from '#protocol/log/signedNote.js';
import type { VerifierKey } from '#protocol/log/verifierKey.js';

/** What a cosigner remembers of a log. */
export interface SeenCheckpoint {
  size: number;
  rootHash: Uint8Array;
}

/** Where a cosigner keeps what it has seen; what `keep` has returned from survives a crash. */
export interface CosignerMemory {
  last(origin: string): SeenCheckpoint | null;
  keep(origin: string, seen: SeenCheckpoint, note: string): void;
}

export interface CosignerOptions {
  /** Keys of the logs that it cosigns; a log's name is its origin. */
  logKeys: readonly VerifierKey[];
  key: VerifierKey;
  sign(message: Uint8Array): Uint8Array;
  memory: CosignerMemory;
  nowSec(): number;
}

/** An answer as HTTP carries it. */
export interface CosignerAnswer {
  status: 200 | 400 | 403 | 404 | 409 | 422;
  type: string;
  body: string;
}

/** Hashes of a consistency proof that a request may carry. Source: C2SP tlog-witness */
const PROOF_LINES_MAX = 63;

const TEXT = 'text/plain; charset=utf-8';
const SIZE_TYPE = 'text/x.tlog.size';

/**
 * Answers one `add-checkpoint`. What it cosigns is in its memory before it answers. Requests must come one after another.
 * @param request - the body of the request
 */
export function addCheckpoint(request: string, options: CosignerOptions): CosignerAnswer {
  const read = readRequest(request);
  if (!read)
    return said(400, 'this is not an add-checkpoint request: an old line, proof lines, an empty line, a checkpoint');
  const { oldSize, proof, note } = read;
  const origin = parseCheckpoint(parseSignedNote(note)?.text ?? '')?.origin;
  if (origin === undefined) return said(400, 'there is no checkpoint behind the empty line');
  const logKeys = options.logKeys.filter(({ name }) => name === origin);
  if (logKeys.length === 0) return said(404, `the log ${origin} is not one that this cosigner was told of`);
  const opened = openCheckpoint(note, { origin, logKeys }, verifyEd25519);
  if (!opened.ok) return said(403, `the checkpoint is not signed by the log: ${opened.reason}`);
  const { size, rootHash: root } = opened.checkpoint;
  if (oldSize > size) return said(400, `the old size ${oldSize} is above the checkpoint's ${size}`);
  const last = options.memory.last(origin) ?? { size: 0, rootHash: emptyRoot() };
  if (oldSize !== last.size) return { status: 409, type: SIZE_TYPE, body: `${last.size}\n` };
  if (size === last.size && !equalBytes(root, last.rootHash)) {
    return said(409, `the log shows another tree of ${size} entries than before: it has been forked`);
  }
  if (!verifyConsistency({ fromSize: last.size, toSize: size, fromRoot: last.rootHash, toRoot: root, path: proof })) {
    return said(422, `no proof that the tree of ${size} entries has grown out of that of ${last.size}`);
  }
  options.memory.keep(origin, { size, rootHash: root }, note);
  const { text } = parseSignedNote(note)!;
  const cosigned = formatSignedNote({ text, signatures: [signCosignature(text, options, options.nowSec())] });
  return { status: 200, type: TEXT, body: cosigned.slice(text.length + 1) };
}

/** Takes a request apart; null when it is none. */
function readRequest(request: string): { oldSize: number; proof: Uint8Array[]; note: string } | null {
  const split = request.indexOf('\n\n');
  if (split < 0) return null;
  const [first = '', ...lines] = request.slice(0, split).split('\n');
  const oldSize = Number(/^old (0|[1-9]\d{0,15})$/.exec(first)?.[1] ?? Number.NaN);
  const proof = lines.map((line) => decodeBase64(line));
  if (!isSize(oldSize) || lines.length > PROOF_LINES_MAX || !proof.every(isHash)) return null;
  return { oldSize, proof: proof as Uint8Array[], note: request.slice(split + 2) };
}

function said(status: CosignerAnswer['status'], why: string): CosignerAnswer {
  return { status, type: TEXT, body: `${why}\n` };
}
