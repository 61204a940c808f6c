import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

const wayMeasuredSchema = z.object({
  threads: z.int().min(1),
  slots: z.int().min(1),
  witnessMs: z.number(),
  provingMs: z.number(),
  typicalMs: z.number(),
  promisedMs: z.number(),
  perMinute: z.number(),
  peakMb: z.number(),
});

const benchResultSchema = z.object({
  measuredAtMs: z.number(),
  machine: z.object({ cpu: z.string(), cores: z.int(), memoryMb: z.number(), node: z.string(), note: z.string() }),
  circuits: z.array(
    z.object({
      circuitId: z.string(),
      name: z.string(),
      protocol: z.string(),
      zkeyBytes: z.number(),
      backend: z.string(),
      ways: z.array(wayMeasuredSchema),
      /** Ways that failed, with the reason. */
      failures: z.array(z.object({ threads: z.int(), slots: z.int(), reason: z.string() })),
    }),
  ),
});
/** What `agent bench` has measured on a machine. */
export type BenchResult = z.infer<typeof benchResultSchema>;
export type CircuitMeasured = BenchResult['circuits'][number];

/** Keeps a result in one step. Throws when it cannot be written. */
export function writeBench(path: string, result: BenchResult): void {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, `${JSON.stringify(result, null, 2)}\n`);
  renameSync(fresh, path);
}

/** The kept result; null when there is none that can be read. */
export function readBench(path: string): BenchResult | null {
  try {
    const parsed = benchResultSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
