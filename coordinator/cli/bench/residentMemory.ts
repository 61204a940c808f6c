/** The resident memory of other processes: exact from Linux's own record, sampled from `ps` elsewhere. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** How often `ps` is asked where there is no better way, in milliseconds. */
const SAMPLE_EVERY_MS = 500;

const KIB_PER_MIB = 1_024;

/** Follows the memory of processes until it is stopped. */
export interface PeakMemory {
  /** The most that a process has had resident, in MiB. Call it while the process lives. */
  peakMb(pid: number): Promise<number>;
  stop(): void;
}

/** Begins to follow processes. On Linux nothing runs meanwhile: the kernel keeps the highest value of each process. */
export function followMemory(pids: readonly number[]): PeakMemory {
  if (process.platform === 'linux') return { peakMb: highWaterMb, stop: () => {} };
  const peaks = new Map<number, number>();
  const sample = async () => {
    for (const pid of pids) {
      const nowMb = await residentMb(pid).catch(() => 0);
      peaks.set(pid, Math.max(peaks.get(pid) ?? 0, nowMb));
    }
  };
  const timer = setInterval(() => void sample(), SAMPLE_EVERY_MS);
  return {
    peakMb: async (pid) => {
      await sample();
      return peaks.get(pid) ?? 0;
    },
    stop: () => clearInterval(timer),
  };
}

/** `VmHWM`: the peak of resident memory since the process began, its start included. */
async function highWaterMb(pid: number): Promise<number> {
  const found = /^VmHWM:\s+([0-9]+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  if (!found) throw new Error(`process ${pid} has no VmHWM`);
  return Number(found[1]) / KIB_PER_MIB;
}

/** The memory that a process has resident now, in MiB. */
export async function residentMb(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) / KIB_PER_MIB;
}
