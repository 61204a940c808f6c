/**
 * A cosigner that is killed at every step between a request and its answer. What it has ever signed, counted over its whole
 * life, is of one history; and it goes on afterwards, because no kill damages what it remembers.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { operatorKeyOf } from '#journal/operatorKey.js';
import { encodeBase64 } from '#protocol/log/base64.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { consistencyProof } from '#protocol/log/consistencyProof.js';
import { parseCosignerKey, readCosignatures } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { growTree } from '../protocol/grownTree.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000 });

const log = operatorKeyOf(generateKeyPairSync('ed25519').privateKey, 'log.example/market');
const KILLER = new URL('../fixtures/killedAtStep.mjs', import.meta.url).href;

/** What is done between the request and the answer: the draft (open, write, sync, close), its rename, the folder, the answer. */
const ANSWER = 9;

/** A history of the log whose entries from `forkedAt` on are its own. */
function history(name: string, forkedAt: number) {
  const entries = Array.from({ length: 40 }, (_, index) => `${index < forkedAt ? 'entry' : name} ${index}`);
  const tree = growTree(entries.map((entry) => new TextEncoder().encode(entry)));
  const noteOf = (size: number) => {
    const checkpoint = { origin: log.origin, size, rootHash: tree.roots[size]!, extensionLines: [] };
    return signCheckpoint(checkpoint, [{ key: log.verifierKey, sign: log.sign }]);
  };
  const request = (oldSize: number, size: number) => {
    const proof = oldSize === 0 ? [] : consistencyProof(oldSize, size, tree.readNode);
    return `old ${oldSize}\n${proof.map((hash) => `${encodeBase64(hash)}\n`).join('')}\n${noteOf(size)}`;
  };
  return { noteOf, request };
}

const honest = history('entry', 0);
/** It grows out of the same 17 entries, and is another log from the 21st on. */
const fork = history('other', 20);

let dataDir: string;
let cosigner: LiveProcess | null = null;
let url: string;
let key: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-cosigner-killed-'));
});

afterEach(async () => {
  await cosigner?.stop();
  rmSync(dataDir, { recursive: true });
});

async function start(killedAt: number | null): Promise<void> {
  const environment = killedAt === null ? {} : { NODE_OPTIONS: `--import ${KILLER}`, KILLED_AT: String(killedAt) };
  const args = ['cosign', '--name', 'cosigner.example', '--log-key', log.logKey, '--data-dir', dataDir, '--port', '0'];
  const started = new LiveProcess(args, environment);
  cosigner = started;
  const said = await until(
    () => started.texts.find((text) => text.startsWith('cosigning at')),
    () => started.tail(),
  );
  url = said.slice('cosigning at '.length);
  key = started.texts.find((text) => text.startsWith('cosigner.example+'))!;
}

/** Asks for a cosignature. @returns true when one came, false for a no, null when the cosigner died before it answered */
async function ask({ noteOf, request }: typeof honest, oldSize: number, size: number): Promise<boolean | null> {
  const body = request(oldSize, size);
  const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body }).catch(() => null);
  const signed = await answer?.text().catch(() => null);
  if (!answer || typeof signed !== 'string') return null;
  if (answer.status !== 200) return false;
  expect(readCosignatures(noteOf(size) + signed, [parseCosignerKey(key)!], verifyEd25519)).toHaveLength(1);
  return true;
}

it.each(Array.from({ length: ANSWER + 1 }, (_, at) => at + 1))(
  'signs no fork when it was killed at step %i, and goes on',
  async (killedAt) => {
    await start(null);
    expect(await ask(honest, 0, 17)).toBe(true);
    await cosigner!.stop();
    await start(killedAt);
    const first = await ask(honest, 17, 40);
    expect(first).toBe(killedAt <= ANSWER ? null : true);
    if (killedAt <= ANSWER) await until(() => cosigner!.end !== null, 'its end');
    expect(cosigner!.end).toBe(killedAt <= ANSWER ? 'SIGKILL' : null);
    await cosigner!.stop();

    await start(null);
    // From the rename on it remembers the honest log of 40 entries, though nobody has heard so.
    const isRemembered = killedAt > 5;
    expect(await ask(fork, 17, 40)).toBe(!isRemembered);
    expect(await ask(fork, 40, 40)).toBe(!isRemembered);
    expect(await ask(honest, 17, 40)).toBe(false);
    expect(await ask(honest, 40, 40)).toBe(isRemembered);
  },
);
