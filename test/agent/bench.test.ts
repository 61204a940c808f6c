import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BenchResult, readBench, writeBench } from '#agent/proving/bench/benchFile.js';
import { recommend, type WayMeasured, waysOf } from '#agent/proving/bench/benchPlan.js';
import { benchMarkdown, benchText } from '#agent/proving/bench/benchTable.js';
import { measureWay } from '#agent/proving/bench/measureWay.js';
import { Measurements } from '#agent/proving/measurements.js';
import { promisedMsOf } from '#agent/proving/promise.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const way = (threads: number, slots: number, typicalMs: number, more: Partial<WayMeasured> = {}): WayMeasured => ({
  ...{ threads, slots, typicalMs, witnessMs: 100, provingMs: typicalMs - 100, promisedMs: typicalMs * 1.2 },
  ...{ perMinute: (slots * 60_000) / typicalMs, peakMb: 250 * slots },
  ...more,
});
/** Two cores, as they were measured when nothing else ran. */
const TWO_CORES = [way(1, 1, 3_100), way(1, 2, 3_300), way(2, 1, 2_200), way(2, 2, 4_300)];

describe('the ways to use a machine', () => {
  it('are all pairs up to four cores, and powers of two and all cores beyond', () => {
    expect(waysOf(1)).toEqual([{ threads: 1, slots: 1 }]);
    expect(waysOf(2)).toHaveLength(4);
    expect(waysOf(4)).toHaveLength(16);
    expect(waysOf(12)).toContainEqual({ threads: 12, slots: 2 });
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 64 }), (cores) => {
        const ways = waysOf(cores);
        expect(ways.length).toBeLessThan(50);
        expect(ways.every(({ threads, slots }) => threads * slots <= 2 * cores)).toBe(true);
        expect(ways).toContainEqual({ threads: cores, slots: 1 });
        expect(ways).toContainEqual({ threads: 1, slots: cores });
      }),
    );
  });
});

describe('the recommendation', () => {
  it('is the soonest zkProof for latency, and the most of them for throughput', () => {
    const { latency, throughput } = recommend(TWO_CORES, 8_000);
    expect(latency).toMatchObject({ threads: 2, slots: 1 });
    expect(throughput).toMatchObject({ threads: 1, slots: 2 });
    expect(throughput!.perMinute / latency!.perMinute).toBeGreaterThan(1.3);
  });

  it('leaves a fifth of the memory to the rest of the machine', () => {
    expect(recommend(TWO_CORES, 620).throughput).toMatchObject({ threads: 2, slots: 1 });
    expect(recommend(TWO_CORES, 100)).toEqual({ latency: null, throughput: null });
  });

  it('takes the smaller of two ways that are alike', () => {
    const alike = [way(2, 2, 4_000, { perMinute: 30 }), way(1, 2, 4_000, { perMinute: 29.9 }), way(1, 1, 3_000)];
    expect(recommend(alike, 8_000).throughput).toMatchObject({ threads: 1, slots: 2 });
  });
});

describe('a result', () => {
  const result: BenchResult = {
    measuredAtMs: Date.UTC(2026, 10, 20),
    machine: { cpu: 'Test CPU', cores: 2, memoryMb: 8_192, node: '20.20.0', note: 'shared' },
    circuits: [
      {
        ...{ circuitId: '0xcc', name: 'transferRollup', protocol: 'groth16', zkeyBytes: 2_097_152, backend: 'snarkjs' },
        ways: TWO_CORES,
        failures: [{ threads: 4, slots: 4, reason: 'out of memory' }],
      },
    ],
  };

  it('is kept and read again; what is broken counts as none', () => {
    const path = join(folder, 'data', 'bench.json');
    expect(readBench(path)).toBeNull();
    writeBench(path, result);
    expect(readBench(path)).toEqual(result);
    writeFileSync(path, '{"measuredAtMs":');
    expect(readBench(path)).toBeNull();
  });

  it('becomes a table for documents and one for a terminal', () => {
    const markdown = benchMarkdown(result);
    expect(markdown).toContain('Test CPU, 2 cores, 8.0 GiB, Node 20.20.0, 2026-11-20; shared.');
    expect(markdown).toContain('| 1 | 2 | 100 ms | 3.20 s | 3.30 s | 3.96 s | 36.4 | 500 MiB | throughput |');
    expect(markdown).toContain('Throughput plan: threads = 1, slots = 2');
    expect(benchText(result)).toContain('4 threads, 4 at once failed: out of memory');
  });
});

describe('a measurement', () => {
  const files = circuitFiles();
  const task = {
    prover: { verificationKey: JSON.parse(readFileSync(files.verificationKey, 'utf8')) as object, threads: 1 },
    ...{ wasmPath: files.wasm, zkeyPath: files.zkey, input: sampleInput(), wires: 0, rounds: 1 },
  };

  it('proves in a process of its own, and the times become promises without measuring again', async () => {
    let proofs = 0;
    const signal = new AbortController().signal;
    const { way: times, totalsMs } = await measureWay({ threads: 1, slots: 2 }, task, {
      onProof: () => {
        proofs += 1;
      },
      signal,
    });
    expect(proofs).toBe(4);
    expect(totalsMs).toHaveLength(2);
    expect(times).toMatchObject({ threads: 1, slots: 2, promisedMs: promisedMsOf(totalsMs) });
    expect(times.witnessMs + times.provingMs).toBeLessThanOrEqual(Math.max(...totalsMs) + 2);
    // Two provers of a proving key of 35 MiB in a process of 50 MiB.
    expect(times.peakMb).toBeGreaterThan(100);
    const path = join(folder, 'measurements.json');
    const setting = { circuitId: '0xcc', threads: 1, slots: 2, handicap: 1, backend: null };
    new Measurements(path).rehearseAll(setting, [1, 2, 3]);
    new Measurements(path).rehearseAll(setting, totalsMs);
    const kept = new Measurements(path);
    expect(kept.has(setting)).toBe(true);
    expect(kept.promisedMs(setting)).toBe(promisedMsOf(totalsMs.map((ms) => Math.round(ms))));
  });

  it('says why it failed, and is gone when it is stopped', async () => {
    const watch = { onProof: () => {}, signal: new AbortController().signal };
    const broken = { ...task, wasmPath: join(folder, 'none.wasm') };
    await expect(measureWay({ threads: 1, slots: 1 }, broken, watch)).rejects.toThrow('none.wasm');
    const stop = new AbortController();
    const stopped = measureWay({ threads: 1, slots: 1 }, task, { onProof: () => {}, signal: stop.signal });
    stop.abort();
    await expect(stopped).rejects.toThrow('SIGKILL');
  });
});
