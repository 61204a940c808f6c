/** Processes that the demo starts: their output goes to a file, their JSON lines to whoever waits, and they end with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../../coordinator/cli/understudy.mjs', import.meta.url));

/** How long a process gets to stop cleanly before it is killed, in milliseconds. */
const STOP_MS = 10_000;

const LAST_LINES_MAX = 20;

/** A JSON line of a child. */
export type ChildLine = Record<string, unknown>;

export interface Child {
  readonly pid: number;
  /** Resolves with the first line for which `pick` gives a value; rejects when the process ends before. */
  waitFor<Value>(pick: (line: ChildLine) => Value | undefined): Promise<Value>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  /** Ends the process: cleanly by SIGTERM, or at once. Safe to call twice. */
  stop(how: 'cleanly' | 'atOnce'): Promise<void>;
}

/**
 * Starts a subcommand in a process of its own. It does not get the terminal's Ctrl-C, because the demo stops its
 * processes in order; it stops by itself when this process dies, because its standard input then ends.
 */
export function startChild(args: string[], logFile: string): Child {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, UNDERSTUDY_PREPARED: '1', UNDERSTUDY_STOP_WITH_STDIN: '1' },
  });
  child.stdin?.on('error', () => {});
  const file = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  const last: string[] = [];
  const listeners = new Set<(line: ChildLine) => void>();
  const onLine = (text: string) => {
    file.write(`${text}\n`);
    last.push(text);
    if (last.length > LAST_LINES_MAX) last.shift();
    const line = parseLine(text);
    if (line) for (const listener of [...listeners]) listener(line);
  };
  createInterface({ input: child.stdout! }).on('line', onLine);
  createInterface({ input: child.stderr! }).on('line', onLine);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      file.end();
      resolve();
    });
    child.once('error', () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    ended,
    waitFor: (pick) => waitFor(pick, listeners, ended, () => last.join('\n')),
    stop: (how) => stop(child, ended, how),
  };
}

function parseLine(text: string): ChildLine | null {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? (value as ChildLine) : null;
  } catch {
    return null;
  }
}

function waitFor<Value>(
  pick: (line: ChildLine) => Value | undefined,
  listeners: Set<(line: ChildLine) => void>,
  ended: Promise<void>,
  lastWords: () => string,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const listener = (line: ChildLine) => {
      const value = pick(line);
      if (value === undefined) return;
      listeners.delete(listener);
      resolve(value);
    };
    listeners.add(listener);
    void ended.then(() => {
      listeners.delete(listener);
      reject(new Error(`a process ended early; its last words:\n${lastWords()}`));
    });
  });
}

async function stop(child: ChildProcess, ended: Promise<void>, how: 'cleanly' | 'atOnce'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(how === 'cleanly' ? 'SIGTERM' : 'SIGKILL');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
