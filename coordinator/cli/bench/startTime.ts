/** How long `npm start` takes until bids are taken: at the very first start, and at later ones. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { PROJECT_FOLDER } from '#circuits/circuitFiles.js';
import { type Measure, median } from './measure.js';
import { type AtEnd, temporaryHome, withCleanUp } from './temporary.js';

const COLD_MS_MAX = 60_000;
const WARM_MS_MAX = 5_000;

/** Longest time that a start may take to the end of its block, in milliseconds; it is then ended. */
const GIVE_UP_MS = 600_000;

const PROGRAM = join(PROJECT_FOLDER, 'coordinator', 'cli', 'understudy.mjs');

/** What stands in the output when the first round is open. */
const ROUND_OPEN = /^submitted /;

/**
 * Starts the demo market as `npm start` does and reads its output until its block is submitted, which opens the first
 * round. Cold: nothing is compiled, no database, no keys, no measurements; only the packages are installed. Warm: the
 * same home again. Every start runs to its block's end, except the last one, which is ended by Ctrl-C; after each it
 * is checked that no process is left.
 *
 * @param options - quick: one warm start instead of three
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  return withCleanUp(async (atEnd) => {
    const home = temporaryHome(atEnd);
    rmSync(join(PROJECT_FOLDER, 'dist', '.stamp'), { force: true });
    const coldMs = await timeStart(atEnd, home, 'end');
    console.log(`cold: first round open after ${coldMs.toFixed(0)} ms, compiling included`);
    const warmMs: number[] = [];
    const warmStarts = options.quick ? 1 : 3;
    for (let start = 1; start <= warmStarts; start += 1) {
      warmMs.push(await timeStart(atEnd, home, start < warmStarts ? 'end' : 'interrupt'));
      console.log(`warm: first round open after ${warmMs.at(-1)!.toFixed(0)} ms`);
    }
    const within = (name: string, value: number, limit: number): Measure => {
      return { name, value, unit: 'ms', target: `at most ${limit}`, holds: value <= limit };
    };
    return [
      within('warmStartMs', median(warmMs), WARM_MS_MAX),
      within('coldStartMs', coldMs, COLD_MS_MAX),
      { name: 'processesLeft', value: 0, unit: 'processes', target: '0', holds: true },
    ];
  });
}

/** Milliseconds from the start of the process until the first round is open. */
async function timeStart(atEnd: AtEnd, home: string, until: 'end' | 'interrupt'): Promise<number> {
  const { UNDERSTUDY_PREPARED: _prepared, ...env } = process.env;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'start', '--once', '--home', home, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  const ended = once(child, 'close');
  atEnd(() => endStart(child, ended));
  const timer = setTimeout(() => child.kill('SIGTERM'), GIVE_UP_MS);
  const openAfterMs = await roundOpen(child, startedAt);
  if (until === 'interrupt') child.kill('SIGINT');
  const [code] = await ended;
  clearTimeout(timer);
  const expected = until === 'interrupt' ? 130 : 0;
  if (code !== expected) throw new Error(`understudy start ended with code ${code} instead of ${expected}`);
  await assertNothingLeft(home);
  return openAfterMs;
}

async function endStart(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  await ended;
}

function roundOpen(child: ChildProcess, startedAt: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const onLine = (line: string) => {
      said.push(line);
      if (ROUND_OPEN.test(line)) resolve(performance.now() - startedAt);
    };
    createInterface({ input: child.stdout! }).on('line', onLine);
    createInterface({ input: child.stderr! }).on('line', onLine);
    child.once('close', () => reject(new Error(`the start ended without a round:\n${said.slice(-20).join('\n')}`)));
  });
}

/** Every process of a market names its home among its arguments. */
async function assertNothingLeft(home: string): Promise<void> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,args=']);
  const left = stdout.split('\n').filter((line) => line.includes(home));
  if (left.length > 0) throw new Error(`processes are left after the end of a start:\n${left.join('\n')}`);
}
