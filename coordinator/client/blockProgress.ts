import type { JobView, ProgressView } from '#protocol/views.js';

/** How far a block is. */
export interface BlockProgress {
  jobs: number;
  proven: number;
  expired: number;
  /** Jobs that are awarded or in the pool. */
  running: number;
  /** Jobs that wait for a round's end, or for earlier jobs. */
  waiting: number;
  /** All work in parts per million: an ended job counts whole, a running one by what its furthest agent reports. */
  progressPpm: number;
}

const WHOLE_PPM = 1_000_000;

/** Adds up how far a block's jobs are. Pure. */
export function progressOf(jobs: readonly JobView[], reports: readonly ProgressView[]): BlockProgress {
  const reported = new Map<string, number>();
  for (const { jobId, progressPpm } of reports) {
    reported.set(jobId, Math.max(progressPpm, reported.get(jobId) ?? 0));
  }
  const count = (holds: (job: JobView) => boolean) => jobs.filter(holds).length;
  const sumPpm = jobs.reduce(
    (sum, { jobId, status }) => sum + (status === 'ended' ? WHOLE_PPM : (reported.get(jobId) ?? 0)),
    0,
  );
  return {
    jobs: jobs.length,
    proven: count(({ outcome }) => outcome === 'proven'),
    expired: count(({ outcome }) => outcome === 'expired'),
    running: count(({ status }) => status === 'awarded' || status === 'pooled'),
    waiting: count(({ status }) => status !== 'ended' && status !== 'awarded' && status !== 'pooled'),
    progressPpm: jobs.length === 0 ? 0 : Math.floor(sumPpm / jobs.length),
  };
}
