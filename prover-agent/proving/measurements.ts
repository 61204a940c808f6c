import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../replaceFile.js';
import { PROMISE_SAMPLES_MAX, promisedMsOf } from './promise.js';

/** How many of the newest times are kept for each circuit and setting. */
const SAMPLES_MAX = PROMISE_SAMPLES_MAX;

/** Times of real work after which the rehearsals of a start count no more: other agents may have started beside it. */
const REAL_SAMPLES_MIN = 3;

const fileSchema = z.record(z.string().max(256), z.array(z.number().min(1)).min(1).max(SAMPLES_MAX));

/** What a measurement holds for: another number of threads is another prover. */
export interface MeasuredSetting {
  circuitId: string;
  threads: number;
  slots: number;
  handicap: number;
  /** What proves, when it is not snarkjs: an external program in just this state, by a hash. */
  backend?: string | null;
}

/**
 * Times of zkProofs on this machine, witness included, kept in a file from one start to the next. A file that cannot
 * be read is as good as none.
 */
export class Measurements {
  readonly #path: string;
  readonly #samples: Map<string, number[]>;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
    this.#samples = new Map(Object.entries(readSamples(path)));
  }

  /** Whether there is any time for this setting. */
  has(setting: MeasuredSetting): boolean {
    return this.#counting(setting) !== undefined;
  }

  /** Keeps the time in milliseconds of a sample proven at the start; it counts until real work has shown more. */
  rehearse(setting: MeasuredSetting, ms: number): void {
    this.#note(rehearsalKeyOf(setting), ms);
    this.#write();
  }

  /** Keeps the times of a whole series of samples, in milliseconds, instead of those that were kept of samples before. */
  rehearseAll(setting: MeasuredSetting, times: readonly number[]): void {
    this.#samples.delete(rehearsalKeyOf(setting));
    for (const ms of times.slice(-SAMPLES_MAX)) this.#note(rehearsalKeyOf(setting), ms);
    this.#write();
  }

  /**
   * Keeps a time in milliseconds. When it cannot be written, it counts until the next start: no job is lost for it.
   * @returns when it is written, or could not be; it counts at once
   */
  add(setting: MeasuredSetting, ms: number): Promise<void> {
    this.#note(keyOf(setting), ms);
    // Not on this thread, beside which the next zkProof is made.
    this.#writing = this.#writing.then(() => replaceFile(this.#path, this.#text()));
    return this.#writing;
  }

  #note(key: string, ms: number): void {
    this.#samples.set(key, [...(this.#samples.get(key) ?? []), Math.max(1, Math.round(ms))].slice(-SAMPLES_MAX));
  }

  #write(): void {
    const fresh = `${this.#path}.${process.pid}.new`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(fresh, this.#text());
      renameSync(fresh, this.#path);
    } catch {
      rmSync(fresh, { force: true });
    }
  }

  #text(): string {
    return `${JSON.stringify(Object.fromEntries(this.#samples))}\n`;
  }

  /** The time to promise in a bid (p95), in milliseconds; null without any measurement. */
  promisedMs(setting: MeasuredSetting | null): number | null {
    const samples = setting ? this.#counting(setting) : undefined;
    return samples ? promisedMsOf(samples) : null;
  }

  /** The time a zkProof usually takes (median), in milliseconds; null without any measurement. */
  typicalMs(setting: MeasuredSetting): number | null {
    const samples = this.#counting(setting);
    return samples ? samples.toSorted((a, b) => a - b)[samples.length >> 1]! : null;
  }

  #counting(setting: MeasuredSetting): readonly number[] | undefined {
    const real = this.#samples.get(keyOf(setting)) ?? [];
    if (real.length >= REAL_SAMPLES_MIN) return real;
    const samples = [...(this.#samples.get(rehearsalKeyOf(setting)) ?? []), ...real];
    return samples.length > 0 ? samples : undefined;
  }
}

function rehearsalKeyOf(setting: MeasuredSetting): string {
  return `${keyOf(setting)} rehearsal`;
}

function keyOf({ circuitId, threads, slots, handicap, backend }: MeasuredSetting): string {
  const key = `${circuitId} threads ${threads} slots ${slots} handicap ${handicap}`;
  return backend ? `${key} backend ${backend}` : key;
}

function readSamples(path: string): Record<string, number[]> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}
