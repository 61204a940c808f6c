/**
 * What a requester sells of a circuit that is not the market's own: a list of inputs, one for each job. Its content hash
 * is the `blockHash` of the request.
 */
import { z } from 'zod';
import { readFr, readStrictly } from './strictReader.js';

/** Most jobs of a list; the market's own limit, `jobsPerBlockMax`, is lower. */
export const LISTED_JOBS_MAX = 10_000;

/** Most jobs that one job may wait for. */
export const AFTER_MAX = 64;

/** Longest name of an input signal, in characters. */
const SIGNAL_NAME_MAX = 256;

/** An input as it travels, by the names of a circuit's signals; {@link witnessInputFlaw} says what is wrong with one. */
export const witnessInputSchema = z.record(z.string().max(SIGNAL_NAME_MAX), z.json());
export type JobInput = Record<string, unknown>;

/** One job of a list. */
export interface ListedJob {
  input: JobInput;
  /** What the requester takes the public signals to be; compared with those that the input leads to. */
  publicSignals: string[] | null;
  /** Places in the list, from 0, of the jobs that must be proven before this one is auctioned. */
  after: number[];
}

/** A list that was read, or where it is wrong. */
export type ReadJobs = { ok: true; jobs: ListedJob[] } | { ok: false; detail: string };

const FORM = 'expected a list such as [{"input": {"a": "3"}}, {"input": {"a": "5"}, "after": [0]}]';

/**
 * Reads a list of jobs. Pure; never throws, and quotes no input.
 * @param value - parsed JSON of a requester
 */
export function readJobsFile(value: unknown): ReadJobs {
  if (!Array.isArray(value)) return { ok: false, detail: `it is no list: ${FORM}` };
  if (value.length === 0) return { ok: false, detail: `it is empty: ${FORM}` };
  if (value.length > LISTED_JOBS_MAX) return { ok: false, detail: `it has more than ${LISTED_JOBS_MAX} jobs` };
  const jobs: ListedJob[] = [];
  for (const [index, item] of value.entries()) {
    const flaw = itemFlaw(item, index);
    if (flaw) return { ok: false, detail: `job ${index}: ${flaw}` };
    const { input, publicSignals, after } = item as { input: JobInput; publicSignals?: string[]; after?: number[] };
    jobs.push({ input, publicSignals: publicSignals ?? null, after: after ?? [] });
  }
  return { ok: true, jobs };
}

function itemFlaw(item: unknown, index: number): string | null {
  if (!isPlain(item)) return FORM;
  const { input, publicSignals, after, ...others } = item;
  const [other] = Object.keys(others);
  if (other !== undefined) return `${JSON.stringify(other.slice(0, 64))} is no field of a job: ${FORM}`;
  return witnessInputFlaw(input) ?? signalsFlaw(publicSignals) ?? afterFlaw(after, index);
}

function signalsFlaw(signals: unknown): string | null {
  if (signals === undefined) return null;
  if (!Array.isArray(signals)) return 'publicSignals must be a list of decimal strings';
  const wrong = signals.findIndex((signal) => !readStrictly(readFr, signal, 'signal').ok);
  return wrong < 0 ? null : `publicSignals[${wrong}] must be a decimal string below the field's modulus, such as "12"`;
}

function afterFlaw(after: unknown, index: number): string | null {
  if (after === undefined) return null;
  const isWhole = (one: unknown) => Number.isInteger(one) && (one as number) >= 0;
  if (!Array.isArray(after) || !after.every(isWhole))
    return 'after must be a list of places in the list, such as [0, 1]';
  if (after.length > AFTER_MAX) return `after names ${after.length} jobs, at most ${AFTER_MAX}`;
  const later = after.find((one) => one >= index);
  if (later !== undefined) return `after names job ${later}, and only earlier jobs can come first`;
  return new Set(after).size === after.length ? null : 'after names a job twice';
}

/** What is wrong with the input of a job, in words that quote no value of it; null when a circuit can be handed it. */
export function witnessInputFlaw(input: unknown): string | null {
  if (!isPlain(input)) return 'input must be an object with the circuit’s signals, such as {"a": "3", "b": ["1", "2"]}';
  for (const [name, value] of Object.entries(input)) {
    if (!/^[\w$.[\]]{1,256}$/.test(name)) return 'input has a name that no signal has';
    if (!isSignalValue(value)) {
      return `input.${name} must be a whole number as a string, such as "12" or "0x0c", or a list of these`;
    }
  }
  return null;
}

/** The same spellings as the witness generator takes; nesting is bounded by the reader of the JSON. */
function isSignalValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isSignalValue);
  if (typeof value === 'number') return Number.isSafeInteger(value);
  return typeof value === 'string' && /^(-?\d{1,78}|0x[0-9a-fA-F]{1,64})$/.test(value);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
