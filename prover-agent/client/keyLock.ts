import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '../backoff.js';

/** Another agent works with the same key for the same market. */
export class KeyInUseError extends Error {
  override readonly name = 'KeyInUseError';
}

function inUseHere(prover: string, holder: Holder | null): KeyInUseError {
  const who = holder ? `process ${holder.pid}, data folder ${holder.dataDir}` : 'it does not say which';
  return new KeyInUseError(
    `another agent on this machine (${who}) works with the key of ${prover}: stop it, or give this one a key of its own`,
  );
}

/** What the agent that holds the key says of itself. */
export interface Holder {
  pid: number;
  dataDir: string;
}

/** A holder that has just died lets go within this time, and one that lives answers in it, in milliseconds. */
const LET_GO_MS = 2_000;
const LOOK_EVERY_MS = 50;
const ANSWER_BYTES_MAX = 8_192;

/**
 * Takes hold of a prover's key for one market on this machine, whatever the data folder. The hold is a socket: it ends with
 * its process, however that ends, and the agent that is refused can ask who holds it. On Linux it has no file.
 * @param coordinatorId - the market's id: one key may serve several markets
 * @returns how to let go
 * @throws KeyInUseError
 */
export async function holdKey(prover: string, coordinatorId: string, dataDir: string): Promise<() => void> {
  const name = `understudy-${prover.slice(2)}-${coordinatorId.slice(2, 18)}`;
  const path = process.platform === 'linux' ? `\0${name}` : pathOf(name);
  const endMs = performance.now() + LET_GO_MS;
  for (;;) {
    const server = await listen(path, { pid: process.pid, dataDir });
    if (server) return () => server.close();
    const holder = await askHolder(path);
    if (holder !== 'gone' || performance.now() > endMs) throw inUseHere(prover, holder === 'gone' ? null : holder);
    await pause(LOOK_EVERY_MS);
  }
}

/** Who holds a key on this machine; null when nobody does. */
export async function keyHolder(prover: string, coordinatorId: string): Promise<Holder | null> {
  const name = `understudy-${prover.slice(2)}-${coordinatorId.slice(2, 18)}`;
  const holder = await askHolder(process.platform === 'linux' ? `\0${name}` : pathOf(name));
  return holder === 'gone' ? null : (holder ?? { pid: 0, dataDir: 'unknown' });
}

function pathOf(name: string): string {
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name.slice(0, 60)}.sock`);
}

/** A server that tells every caller who holds the key; null when somebody else listens. */
function listen(path: string, holder: Holder): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(JSON.stringify(holder));
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** What the holder says; null when it says nothing that can be read, `gone` when nobody answers. */
function askHolder(path: string): Promise<Holder | null | 'gone'> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(path);
    socket.setTimeout(LET_GO_MS, () => {
      socket.destroy();
      resolve(null);
    });
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.length > ANSWER_BYTES_MAX) socket.destroy();
    });
    socket.once('error', () => resolve('gone'));
    socket.once('close', () => resolve(readHolder(text)));
  });
}

function readHolder(text: string): Holder | null {
  try {
    const { pid, dataDir } = JSON.parse(text) as Holder;
    return { pid: Number(pid), dataDir: String(dataDir) };
  } catch {
    return null;
  }
}
