import { constants, lstatSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskErrorOf } from '../../client/diskError.js';
import { flawed, memoryFlaw, cancelled as wasCancelled } from '../provingError.js';
import type { BackendWatch, ProvingBackend } from './backend.js';
import { type ProgramEnd, runBounded } from './boundedProgram.js';
import { type CommandTemplate, fillIn } from './commandTemplate.js';

/** The most that a program may write into each of its two files, in bytes; real ones write 1 to 20 KB. */
const OUTPUT_BYTES_MAX = 65_536;
/** How much of a program's last words is told, in characters. */
const WORDS_MAX = 200;

/** Whoever verifies what an external program made. */
export type ZkProofChecker = Pick<ProvingBackend, 'warm' | 'verify' | 'close'>;

export interface CommandOptions {
  template: CommandTemplate;
  /** The proving key's file; its hash has been checked. */
  zkeyPath: string;
  /** Folder for the files of a job, readable by nobody else. */
  workDir: string;
  threads: number;
  /** The program is ended when it takes more memory, in bytes. */
  memoryBytesMax?: number;
  checker: ZkProofChecker;
}

/**
 * An external prover, run once for every zkProof: it reads a proving key and a witness from files and writes the zkProof
 * into a file. It may take all the time that the job has; whatever it does, the agent goes on.
 */
export class CommandBackend implements ProvingBackend {
  readonly #options: CommandOptions;
  readonly #closing = new AbortController();

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  warm(): Promise<void> {
    return this.#options.checker.warm();
  }

  async prove(witness: Uint8Array, { signal, limitMs }: BackendWatch): Promise<unknown> {
    const { workDir } = this.#options;
    const folder = await this.#onDisk(async () => {
      await mkdir(workDir, { recursive: true, mode: 0o700 });
      return mkdtemp(join(workDir, 'job-'));
    });
    try {
      await this.#onDisk(() => writeFile(join(folder, 'witness.wtns'), witness, { mode: 0o600 }));
      const ending = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
      const end = await this.#run(folder, ending, limitMs);
      if (end.kind !== 'exit' || end.code !== 0) throw this.#errorOf(end, limitMs);
      return await readJson(join(folder, 'zkProof.json'));
    } finally {
      // The witness is private.
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  verify(zkProof: object, publicSignals: readonly string[], watch: Omit<BackendWatch, 'onProgress'>): Promise<boolean> {
    return this.#options.checker.verify(zkProof, publicSignals, watch);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#options.checker.close();
  }

  /** Tells the operator's own trouble with the disk from the program's. */
  async #onDisk<Result>(action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      const disk = diskErrorOf(error, `the witness could not be written in ${this.#options.workDir}`);
      throw disk ? flawed('diskFailed', disk.message) : error;
    }
  }

  #run(folder: string, signal: AbortSignal, limitMs: number): Promise<ProgramEnd> {
    const { template, zkeyPath, threads } = this.#options;
    const outputs = { zkProof: join(folder, 'zkProof.json'), publicSignals: join(folder, 'publicSignals.json') };
    const values = { ...outputs, zkey: zkeyPath, witness: join(folder, 'witness.wtns'), threads: String(threads) };
    return runBounded({
      program: template.program,
      args: fillIn(template, values),
      folder,
      defaults: { OMP_NUM_THREADS: String(threads), RAYON_NUM_THREADS: String(threads) },
      signal,
      limitMs,
      ...(this.#options.memoryBytesMax === undefined ? {} : { memoryBytesMax: this.#options.memoryBytesMax }),
      watch: () => (Object.values(outputs).some(isTooLarge) ? `it writes more than ${OUTPUT_BYTES_MAX} bytes` : null),
    });
  }

  #errorOf(end: ProgramEnd, limitMs: number) {
    const name = this.#options.template.program;
    switch (end.kind) {
      case 'cancelled':
        return wasCancelled();
      case 'timeLimit':
        return flawed('proverTimeLimit', `${name} took longer than ${limitMs} ms and was killed`);
      case 'memoryLimit':
        return memoryFlaw(end.bytes, this.#options.memoryBytesMax ?? 0);
      case 'tooMuch':
        return flawed('proverOutput', `${name} was killed: ${end.reason}`);
      case 'notStarted':
        return flawed(
          'proverMissing',
          `${name} could not be started: ${end.reason}; check the path and its permissions`,
        );
      case 'exit': {
        const how = end.signal ? `was ended by ${end.signal}` : `ended with code ${end.code}`;
        const words = lastWords(end.words);
        return flawed('proverCrashed', words ? `${name} ${how}, saying: ${words}` : `${name} ${how}`);
      }
    }
  }
}

function isTooLarge(path: string): boolean {
  return (lstatSync(path, { throwIfNoEntry: false })?.size ?? 0) > OUTPUT_BYTES_MAX;
}

/** Reads what the program wrote, without trusting that it is a file, or small. */
async function readJson(path: string): Promise<unknown> {
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const file = await open(path, flags).catch(() => null);
  if (!file) throw flawed('proverOutput', 'the prover ended well, but wrote no zkProof');
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw flawed('proverOutput', 'the prover wrote something that is no file');
    if (stat.size > OUTPUT_BYTES_MAX) {
      throw flawed('proverOutput', `the prover wrote ${stat.size} bytes; at most ${OUTPUT_BYTES_MAX} are a zkProof`);
    }
    const text = (await file.readFile('utf8')).replace(/\0+$/, '');
    try {
      return JSON.parse(text);
    } catch {
      throw flawed('proverOutput', 'what the prover wrote is no JSON');
    }
  } finally {
    await file.close();
  }
}

/**
 * The last line that a program said, without anything that looks like a number of the witness: it has seen private
 * inputs, and its words go to a log.
 */
function lastWords(words: string): string {
  const lines = words.split(/[\r\n]+/).map((line) => line.trim());
  const last = lines.filter((line) => line !== '').at(-1) ?? '';
  const printable = last.replace(/[^\x20-\x7e]/g, '?').replace(/(0x)?[0-9a-fA-F]{12,}/g, '…');
  return printable.slice(0, WORDS_MAX);
}
