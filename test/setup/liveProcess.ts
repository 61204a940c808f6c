/** Processes of the `understudy` command that a test starts, watches and ends by their process id. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../coordinator/cli/understudy.mjs', import.meta.url));
const LINES_KEPT = 400;
const STOP_WITHIN_MS = 20_000;

/** What is still running: ended at the latest when the test's own process ends. */
const running = new Set<ChildProcess>();
function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    endAll();
    process.kill(process.pid, signal);
  });
}

/** Linux can end a process with its parent, even when that is killed, by util-linux's setpriv. */
const LEASH = ['setpriv', '--pdeathsig', 'KILL'];
const hasLeash = process.platform === 'linux' && spawnSync(LEASH[0]!, [...LEASH.slice(1), 'true']).status === 0;

/** One line of JSON that a process has written. */
export type LogLine = Record<string, unknown>;

/** Waits until a condition holds; `what` is said when it does not within `withinMs`. */
export async function until<Found>(
  look: () => Found | Promise<Found>,
  what: string | (() => string),
  withinMs = 60_000,
): Promise<NonNullable<Exclude<Found, false>>> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found as never;
    if (performance.now() > endMs) throw new Error(`waited in vain for ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A running `understudy` command. */
export class LiveProcess {
  readonly pid: number;
  /** What it wrote as JSON, newest last. */
  readonly lines: LogLine[] = [];
  /** Everything else that it wrote. */
  readonly texts: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | string>;
  #end: number | string | null = null;

  constructor(args: string[], environment: Record<string, string> = {}) {
    const { UNDERSTUDY_KEY: _key, DATABASE_URL: _database, REDIS_URL: _redis, ...inherited } = process.env;
    const [file, ...rest] = [...(hasLeash ? LEASH : []), process.execPath, PROGRAM, ...args];
    this.#child = spawn(file!, rest, {
      env: { ...inherited, ...environment, UNDERSTUDY_PREPARED: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.pid = this.#child.pid ?? 0;
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take(line));
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.#take(line));
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        running.delete(this.#child);
        this.#end = code ?? signal ?? 'unknown';
        resolve(this.#end);
      });
      this.#child.once('error', (error) => this.texts.push(String(error)));
    });
  }

  /** Exit code or signal; null while it runs. */
  get end(): number | string | null {
    return this.#end;
  }

  /** Waits for a line of JSON. Fails when the process ends before. */
  async line(isWanted: (line: LogLine) => boolean, what: string, withinMs = 60_000): Promise<LogLine> {
    return until(
      () => {
        const found = this.lines.find(isWanted);
        if (!found && this.#end !== null) throw new Error(`ended (${this.#end}) before ${what}\n${this.tail()}`);
        return found;
      },
      () => `${what}\n${this.tail()}`,
      withinMs,
    );
  }

  /** As a power cut would: no handler runs. */
  async kill(): Promise<void> {
    if (this.#end === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** As Ctrl-C would; killed when it takes too long. @returns the exit code, or the signal that ended it */
  async stop(): Promise<number | string> {
    if (this.#end === null) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.texts.push('did not stop in time and was killed');
      this.#child.kill('SIGKILL');
    }, STOP_WITHIN_MS);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The end of what it wrote, for messages of failed tests. */
  tail(): string {
    return [...this.texts.slice(-20), ...this.lines.slice(-20).map((line) => JSON.stringify(line))].join('\n');
  }

  #take(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as LogLine);
      if (this.lines.length > LINES_KEPT) this.lines.shift();
    } catch {
      this.texts.push(line);
    }
  }
}
