import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/** How many of the newest times are kept for each circuit and setting: few, so that a busy hour is soon forgotten. */
const SAMPLES_MAX = 10;

/**
 * The promised p95 is the longest of the newest 10 times, times this: a lone sample says little of the 95th percentile,
 * and other work on the machine, fetching and sending take their part.
 */
const SAFETY_PERCENT = 130;

const fileSchema = z.record(z.string().max(256), z.array(z.number().min(0)).min(1).max(SAMPLES_MAX));

/** What a measurement holds for: another number of threads is another prover. */
export interface MeasuredSetting {
  circuitId: string;
  threads: number;
  slots: number;
  handicap: number;
}

/**
 * Times of zkProofs on this machine, witness included, kept in a file from one start to the next. A file that cannot
 * be read is as good as none.
 */
export class Measurements {
  readonly #path: string;
  readonly #samples: Map<string, number[]>;

  constructor(path: string) {
    this.#path = path;
    this.#samples = new Map(Object.entries(readSamples(path)));
  }

  /** Whether there is any time for this setting. */
  has(setting: MeasuredSetting): boolean {
    return this.#samples.has(keyOf(setting));
  }

  /** Keeps a time in milliseconds. When it cannot be written, it counts until the next start: no job is lost for it. */
  add(setting: MeasuredSetting, ms: number): void {
    const key = keyOf(setting);
    this.#samples.set(key, [...(this.#samples.get(key) ?? []), Math.max(1, Math.round(ms))].slice(-SAMPLES_MAX));
    const fresh = `${this.#path}.${process.pid}.new`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(fresh, `${JSON.stringify(Object.fromEntries(this.#samples))}\n`);
      renameSync(fresh, this.#path);
    } catch {
      rmSync(fresh, { force: true });
    }
  }

  /** The time to promise in a bid, in milliseconds; null without any measurement. */
  promisedMs(setting: MeasuredSetting | null): number | null {
    const samples = setting ? this.#samples.get(keyOf(setting)) : undefined;
    return samples ? Math.ceil((Math.max(...samples) * SAFETY_PERCENT) / 100) : null;
  }

  /** The time a zkProof usually takes (median), in milliseconds; null without any measurement. */
  typicalMs(setting: MeasuredSetting): number | null {
    const samples = this.#samples.get(keyOf(setting));
    return samples ? samples.toSorted((a, b) => a - b)[samples.length >> 1]! : null;
  }
}

function keyOf({ circuitId, threads, slots, handicap }: MeasuredSetting): string {
  return `${circuitId} threads ${threads} slots ${slots} handicap ${handicap}`;
}

function readSamples(path: string): Record<string, number[]> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}
