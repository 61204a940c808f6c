import type { HeldJob } from './jobBook.js';

/** From so much of the work on, its pace tells more than what a zkProof usually takes; parts per million. */
const PACE_PPM_MIN = 200_000;

/**
 * When work that has come so far will be done at its pace; null as long as that says little.
 * @param startedMs - when it began, and `nowMs`, by one clock
 */
export function paceEndMs(startedMs: number, nowMs: number, progressPpm: number): number | null {
  if (progressPpm < PACE_PPM_MIN) return null;
  return startedMs + Math.round(((nowMs - startedMs) * 1_000_000) / progressPpm);
}

/**
 * When this prover expects to be done with each of its jobs, as things stand: running work by its pace, waiting work one
 * after the other on the slots as they get free. An honest word: the market calls a backup by it, which costs this prover
 * nothing. Null for what it need not prove now, and for what is with the market.
 *
 * @param typicalMs - the usual time of a zkProof of a circuit, in milliseconds; null when it cannot be proven here
 * @param nowMs - the coordinator's clock
 */
export function expectedEnds(
  jobs: readonly HeldJob[],
  slots: number,
  nowMs: number,
  typicalMs: (circuitId: string) => number | null,
): Map<string, number | null> {
  const ends = new Map<string, number | null>();
  const freeAtMs: number[] = [];
  for (const job of jobs) {
    if (job.phase === 'running') {
      const endMs = runningEndMs(job, nowMs, typicalMs(job.circuitId) ?? 0);
      freeAtMs.push(endMs);
      ends.set(job.jobId, endMs);
    } else ends.set(job.jobId, job.phase === 'delivering' ? nowMs : null);
  }
  while (freeAtMs.length < slots) freeAtMs.push(nowMs);
  const waiting = jobs.filter((job) => job.isActive && job.phase === 'waiting');
  waiting.sort((a, b) => a.dueMs - b.dueMs || (a.jobId < b.jobId ? -1 : 1));
  for (const { jobId, circuitId } of waiting) {
    const ms = typicalMs(circuitId);
    if (ms === null) continue;
    freeAtMs.sort((a, b) => a - b);
    freeAtMs[0] = freeAtMs[0]! + ms;
    ends.set(jobId, freeAtMs[0]);
  }
  return ends;
}

/** Work that is behind its time has at least the rest of it in front. */
function runningEndMs({ expectedEndMs, progressPpm }: HeldJob, nowMs: number, typicalMs: number): number {
  if (expectedEndMs !== null && expectedEndMs > nowMs) return expectedEndMs;
  return nowMs + Math.round((typicalMs * (1_000_000 - progressPpm)) / 1_000_000);
}
