/**
 * Has cosigners sign the newest checkpoint (C2SP tlog-witness): they say that this log has only grown since they last looked.
 * A cosigner that is away or refuses holds up nothing; the market goes on, and the last cosigned checkpoint stays what it is.
 */
import type { Journal, LogTree } from '#journal/journalPort.js';
import { readBody } from '#protocol/client.js';
import { encodeBase64 } from '#protocol/log/base64.js';
import { parseCheckpoint } from '#protocol/log/checkpoint.js';
import { readCosignatures } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { formatSignedNote, type NoteSignature, parseSignedNote } from '#protocol/log/signedNote.js';
import type { VerifierKey } from '#protocol/log/verifierKey.js';

/** A third party that is asked for cosignatures. */
export interface CosignerAddress {
  /** Its submission prefix, such as `http://127.0.0.1:8790`. */
  url: string;
  key: VerifierKey;
}

export interface CosigningOptions {
  journal: Pick<Journal, 'logs' | 'consistencyProof' | 'onCommitted'>;
  cosigners: readonly CosignerAddress[];
  log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
}

export interface Cosigning {
  /** The newest checkpoint of a log that at least one cosigner has signed, with all cosignatures; null before the first. */
  newest(log: number): string | null;
  stop(): Promise<void>;
}

/** Cosigners are asked at most so often, in milliseconds, and again after so long when something failed. */
export const COSIGN_INTERVAL_MS = 1_000;
const RETRY_MS = 5_000;

/** Longest wait for one cosigner, in milliseconds. */
const TIMEOUT_MS = 5_000;

/** Largest answer of a cosigner that is read, in bytes. */
const ANSWER_BYTES_MAX = 65_536;

/** Begins to ask for cosignatures after each commit. */
export function startCosigning({ journal, cosigners, log }: CosigningOptions): Cosigning {
  const sizes = new Map<string, number>();
  const stopping = new AbortController();
  const newest = new Map<number, string>();
  /** Logs that were closed, and whose last checkpoint all cosigners have signed. */
  const ended = new Set<number>();
  /** The log that was the present one when this began: those before had their cosignatures then. */
  let first: number | null = null;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  /** When the next round is due, on the clock of `performance`; never while nothing is planned. */
  let dueMs = Number.POSITIVE_INFINITY;
  const arm = () => {
    clearTimeout(timer);
    timer = setTimeout(begin, dueMs - performance.now());
  };
  /** Plans a round after some milliseconds, unless one is due sooner. */
  const plan = (ms: number) => {
    const atMs = performance.now() + ms;
    if (stopping.signal.aborted || cosigners.length === 0 || atMs >= dueMs) return;
    dueMs = atMs;
    if (!running) arm();
  };
  const begin = () => {
    dueMs = Number.POSITIVE_INFINITY;
    running = round().finally(() => {
      running = null;
      if (Number.isFinite(dueMs) && !stopping.signal.aborted) arm();
    });
  };
  const round = async () => {
    try {
      const logs = await journal.logs();
      first ??= Math.max(0, logs.length - 1);
      for (const tree of logs.slice(first)) if (!ended.has(tree.view.number)) await roundOf(tree);
    } catch (error) {
      log.error({ err: error }, 'no cosignatures were asked for');
    }
  };
  const roundOf = async ({ view: { number, size }, checkpoint: note }: LogTree) => {
    const signatures = await Promise.all(cosigners.map((one) => ask(one, number, note)));
    const good = signatures.flatMap((one) => one ?? []);
    if (good.length > 0) newest.set(number, withSignatures(note, good));
    if (good.length < cosigners.length) plan(RETRY_MS);
    else if (size !== null) ended.add(number);
  };
  const ask = async (cosigner: CosignerAddress, number: number, note: string): Promise<NoteSignature | null> => {
    try {
      return await cosignatureOf({ journal, cosigner, number, note, sizes, signal: stopping.signal });
    } catch (error) {
      if (!stopping.signal.aborted)
        log.warn({ cosigner: cosigner.key.name, reason: (error as Error).message }, 'not cosigned');
      return null;
    }
  };
  const forget = journal.onCommitted(() => plan(COSIGN_INTERVAL_MS));
  plan(0);
  return {
    newest: (log) => newest.get(log) ?? null,
    stop: async () => {
      forget();
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

interface Asked {
  journal: CosigningOptions['journal'];
  cosigner: CosignerAddress;
  /** Which log of the market, and its checkpoint. */
  number: number;
  note: string;
  /** The size that each cosigner has signed last of each log, as far as is known. */
  sizes: Map<string, number>;
  signal: AbortSignal;
}

/** Asks one cosigner, a second time with the size that it names. Throws Error when it gives no cosignature that holds. */
async function cosignatureOf(asked: Asked): Promise<NoteSignature> {
  const { cosigner, number, note, sizes } = asked;
  const known = `${number} ${cosigner.url} ${cosigner.key.name}`;
  const { size } = parseCheckpoint(parseSignedNote(note)!.text)!;
  let answer = await submit(asked, sizes.get(known) ?? 0, size);
  if (answer.status === 409) {
    const theirs = /^(0|[1-9]\d{0,15})\n$/.exec(answer.text)?.[1];
    if (theirs === undefined) throw new Error(`it says that the log was forked: ${answer.text.trim()}`);
    if (Number(theirs) > size) {
      throw new Error(`it has signed ${theirs} entries, and the log has ${size}: was an older backup restored?`);
    }
    answer = await submit(asked, Number(theirs), size);
  }
  if (answer.status !== 200) throw new Error(`it answers ${answer.status}: ${answer.text.trim()}`);
  const cosigned = `${note}${answer.text}`;
  if (readCosignatures(cosigned, [cosigner.key], verifyEd25519)?.length !== 1) {
    throw new Error('its cosignature does not hold: is this its key?');
  }
  sizes.set(known, size);
  const { name, keyId } = cosigner.key;
  return parseSignedNote(cosigned)!.signatures.find((one) => one.name === name && one.keyId === keyId)!;
}

async function submit(
  { journal, cosigner, number, note, signal }: Asked,
  oldSize: number,
  size: number,
): Promise<{ status: number; text: string }> {
  const proof = oldSize === 0 ? [] : ((await journal.consistencyProof(number, oldSize, size)) ?? []);
  const lines = proof.map((hash) => `${encodeBase64(new Uint8Array(Buffer.from(hash, 'hex')))}\n`);
  const answer = await fetch(`${cosigner.url}/add-checkpoint`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `old ${oldSize}\n${lines.join('')}\n${note}`,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  return { status: answer.status, text: await readBody(answer, ANSWER_BYTES_MAX) };
}

function withSignatures(note: string, added: readonly NoteSignature[]): string {
  const { text, signatures } = parseSignedNote(note)!;
  return formatSignedNote({ text, signatures: [...signatures, ...added] });
}
