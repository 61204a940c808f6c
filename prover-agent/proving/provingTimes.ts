import { z } from 'zod';
import { BoundedLines } from '../boundedLines.js';
import { nearestRank } from './promise.js';

/** Lines that the file is cut down to when it has twice as many. */
const TIMES_MAX = 2_000;

const timeSchema = z.object({
  atMs: z.number(),
  jobId: z.string(),
  circuitId: z.string(),
  /** What the market counted for the job, what was expected when it began, and what it took, in milliseconds. */
  promisedMs: z.number(),
  expectedMs: z.number(),
  actualMs: z.number(),
  witnessMs: z.number(),
  provingMs: z.number(),
});
export type ProvingTime = z.infer<typeof timeSchema>;

/** How estimates of a circuit came out. */
export interface EstimateSummary {
  circuitId: string;
  proofs: number;
  /** How many took no longer than was promised. */
  kept: number;
  /** Actual time in percent of what was expected: median and p95. */
  medianPct: number;
  p95Pct: number;
}

/** What zkProofs were expected to take and what they took, one JSON object a line: `proving-times.jsonl`. */
export class ProvingTimes {
  readonly #lines: BoundedLines;

  constructor(path: string, max = TIMES_MAX) {
    this.#lines = new BoundedLines(path, max);
  }

  /** Adds a time. One that cannot be written is lost: no job is, for that. */
  add(time: ProvingTime): void {
    this.#lines.add(JSON.stringify(time));
  }

  /** All that can be read, oldest first. */
  read(): ProvingTime[] {
    let lines: string[] = [];
    try {
      lines = this.#lines.read();
    } catch {
      return [];
    }
    return lines.flatMap((line) => {
      try {
        const parsed = timeSchema.safeParse(JSON.parse(line));
        return parsed.success ? [parsed.data] : [];
      } catch {
        return [];
      }
    });
  }
}

/** How estimates came out, for each circuit, in the order in which the circuits first appear. */
export function summariseTimes(times: readonly ProvingTime[]): EstimateSummary[] {
  const circuits = new Map<string, ProvingTime[]>();
  for (const time of times) circuits.set(time.circuitId, [...(circuits.get(time.circuitId) ?? []), time]);
  return [...circuits].map(([circuitId, own]) => {
    const shares = own.map(({ actualMs, expectedMs }) => (100 * actualMs) / Math.max(1, expectedMs));
    return {
      circuitId,
      proofs: own.length,
      kept: own.filter(({ actualMs, promisedMs }) => actualMs <= promisedMs).length,
      medianPct: Math.round(nearestRank(shares, 50)),
      p95Pct: Math.round(nearestRank(shares, 95)),
    };
  });
}
