import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { residentBytesOf } from './residentBytes.js';

/** The environment variable by which everything that a job has started can be found again. */
const MARK = 'UNDERSTUDY_WORK';

/** From the friendly signal to the one that cannot be ignored, in milliseconds. */
const KILL_GRACE_MS = 300;
/** How long a killed program is waited for: one that hangs in a driver may never end. */
const UNKILLABLE_MS = 2_000;
/** How long the last words of a program that has ended are waited for, in milliseconds. */
const LAST_WORDS_MS = 200;
/** How often the watch is asked, in milliseconds. */
const WATCH_EVERY_MS = 200;
/** What is kept of a program's own words, and what it may say before it is ended, in bytes. */
const TAIL_BYTES = 2_048;
const WORDS_BYTES_MAX = 16 * 1_048_576;

export interface BoundedProgramOptions {
  program: string;
  args: readonly string[];
  /** The work's own folder; also its mark. */
  folder: string;
  /** Added to the environment when not there already. */
  defaults: Readonly<Record<string, string>>;
  signal: AbortSignal | undefined;
  limitMs: number;
  /** It is ended when it and its children have more than this resident, in bytes; seen on Linux only. */
  memoryBytesMax?: number;
  /** Looked at while the program runs; a reason ends it. */
  watch(): string | null;
}

/** How a run ended; `words` is the end of what the program said on both of its outputs. */
export type ProgramEnd =
  | { kind: 'exit'; code: number | null; signal: string | null; words: string }
  | { kind: 'notStarted'; reason: string }
  | { kind: 'cancelled' }
  | { kind: 'timeLimit' }
  | { kind: 'memoryLimit'; bytes: number }
  | { kind: 'tooMuch'; reason: string };

const running = new Set<ChildProcess>();
let isHooked = false;

/**
 * Runs a program in a process group of its own until it ends or must be ended; then the whole group is killed, with
 * whatever it has left behind. Never throws and never hangs.
 */
export function runBounded(options: BoundedProgramOptions): Promise<ProgramEnd> {
  const { program, args, folder, signal } = options;
  if (signal?.aborted) return Promise.resolve({ kind: 'cancelled' });
  endWithThisProcess();
  const { UNDERSTUDY_KEY: _, ...environment } = process.env;
  try {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...options.defaults, ...environment, [MARK]: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      windowsHide: true,
    });
    running.add(child);
    return new Promise((resolve) => watchOver(child, options, resolve));
  } catch (error) {
    return Promise.resolve({ kind: 'notStarted', reason: error instanceof Error ? error.message : String(error) });
  }
}

function watchOver(child: ChildProcess, options: BoundedProgramOptions, resolve: (end: ProgramEnd) => void): void {
  const { signal, limitMs, watch, folder } = options;
  let verdict: ProgramEnd | null = null;
  const timers: NodeJS.Timeout[] = [];
  const settle = (end: ProgramEnd) => {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    child.stdout?.destroy();
    child.stderr?.destroy();
    running.delete(child);
    resolve(verdict ?? end);
  };
  const finish = (end: ProgramEnd) => {
    if (verdict) return;
    verdict = end;
    killGroup(child, 'SIGTERM');
    timers.push(setTimeout(() => killAll(child, folder), KILL_GRACE_MS));
    timers.push(setTimeout(() => settle(end), KILL_GRACE_MS + UNKILLABLE_MS));
  };
  const onAbort = () => finish({ kind: 'cancelled' });
  signal?.addEventListener('abort', onAbort, { once: true });
  timers.push(setTimeout(() => finish({ kind: 'timeLimit' }), limitMs));
  timers.push(
    setInterval(() => {
      const reason = watch();
      if (reason) finish({ kind: 'tooMuch', reason });
      const bytes = options.memoryBytesMax === undefined ? 0 : residentBytesOf(child.pid);
      if (bytes > (options.memoryBytesMax ?? 0)) finish({ kind: 'memoryLimit', bytes });
    }, WATCH_EVERY_MS),
  );
  const words = hearWords(child, () => finish({ kind: 'tooMuch', reason: 'it says too much' }));
  child.on('error', (error: NodeJS.ErrnoException) => {
    if (child.pid === undefined) settle({ kind: 'notStarted', reason: error.code ?? error.message });
  });
  child.on('exit', (code, killedBy) => {
    if (verdict) killAll(child, folder);
    else killGroup(child, 'SIGKILL');
    // What it said last may still be in the pipe; whoever holds the pipe open is not waited for.
    const end = () => settle({ kind: 'exit', code, signal: killedBy, words: words() });
    child.on('close', end);
    timers.push(setTimeout(end, LAST_WORDS_MS));
  });
}

/** Keeps the end of what a program says. */
function hearWords(child: ChildProcess, onTooMuch: () => void): () => string {
  let tail = Buffer.alloc(0);
  let bytes = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
      if (bytes > WORDS_BYTES_MAX) onTooMuch();
    });
    stream?.on('error', () => {});
  }
  return () => tail.toString('utf8');
}

/** Sends a signal to a program and its children; on Windows, which has no groups, to the program. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // They have all ended.
  }
}

/** Kills a program, its children, and those of them that have left its group. */
function killAll(child: ChildProcess, folder: string): void {
  killGroup(child, 'SIGKILL');
  killMarked(folder);
}

/**
 * Kills everything that was started for work in a folder or inside it, also by an agent that was killed itself. Looks
 * for the mark in `/proc`; does nothing where there is none.
 *
 * @returns how many processes were killed
 */
export function killMarked(folder: string): number {
  let killed = 0;
  for (const name of namesIn('/proc').filter((one) => /^\d+$/.test(one))) {
    const pid = Number(name);
    if (pid === process.pid || !isMarked(pid, folder)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      killed += 1;
    } catch {
      // It has ended.
    }
  }
  return killed;
}

/** Ends and removes what an agent that was killed has left of its work: programs, and files with private witnesses. */
export function clearWork(folder: string): void {
  killMarked(folder);
  rmSync(folder, { recursive: true, force: true });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isMarked(pid: number, folder: string): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return variables.some((one) => one === `${MARK}=${folder}` || one.startsWith(`${MARK}=${folder}/`));
  } catch {
    return false;
  }
}

/** A program must not outlive the agent that started it, however the agent's process exits. */
function endWithThisProcess(): void {
  if (isHooked) return;
  isHooked = true;
  process.on('exit', () => {
    for (const child of running) killGroup(child, 'SIGKILL');
  });
}
