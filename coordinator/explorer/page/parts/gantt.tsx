import { useState } from 'preact/hooks';
import type { JobView, RoundView } from '#protocol/views.js';
import { JobLink } from './links.js';
import { More } from './more.js';
import { clockTime, duration } from './time.js';
import { inWords } from './words.js';

/** One stretch of time of a job, in Unix milliseconds. */
interface Stretch {
  kind: 'bidding' | 'primary' | 'standby' | 'backup' | 'pool' | 'verification';
  fromMs: number;
  toMs: number;
  words: string;
  /** What concerns the backup stands below what concerns the primary. */
  isLower: boolean;
}

interface GanttProps {
  jobs: readonly JobView[];
  rounds: readonly RoundView[];
  submittedAtMs: number;
  /** Where what is still going on ends for now. */
  nowMs: number;
  nameOf: (address: string) => string;
  chosenJob?: string | undefined;
}

/** Jobs that are drawn at first, and with each asking for more. */
const STEP = 100;

const TICKS = 6;
/** Lengths between ticks, in milliseconds. */
const TICK_STEPS = [
  100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1.8e6, 3.6e6, 7.2e6, 21.6e6, 86.4e6,
];

/** What happened to each job of a block, over time: bidding, the two assignments, the check of the zkProof. */
export function Gantt({ jobs: all, rounds, submittedAtMs, nowMs, nameOf, chosenJob }: GanttProps) {
  const [count, setCount] = useState(STEP);
  const jobs = all.filter(({ jobId }, at) => at < count || jobId.slice(67) === chosenJob);
  const stretches = jobs.map((job) => stretchesOf(job, rounds, nowMs, nameOf));
  const endMs = Math.max(submittedAtMs + 100, ...stretches.flat().map(({ toMs }) => toMs)) + 1;
  const spanMs = (endMs - submittedAtMs) * 1.02;
  // Of jobs that wait for one another, the last has the block's deadline.
  const deadlineMs = jobs.reduce((latest, job) => Math.max(latest, job.deadlineMs), jobs.length > 0 ? 0 : endMs);
  const place = (ms: number) => `${((ms - submittedAtMs) / spanMs) * 100}%`;
  const isDeadlineShown = deadlineMs <= submittedAtMs + spanMs;
  return (
    <>
      <div class="gantt">
        <div class="axis" aria-hidden="true">
          {ticksOf(spanMs).map((ms) => (
            <span key={ms} style={{ left: place(submittedAtMs + ms) }}>
              {ms === 0 ? clockTime(submittedAtMs) : `+${duration(ms).replace('.0 ', ' ')}`}
            </span>
          ))}
        </div>
        {jobs.map((job, at) => [
          <div class="name" key={`${job.jobId} name`}>
            <span class="quiet">Job</span> <JobLink jobId={job.jobId} />
          </div>,
          <div
            class={job.jobId.slice(67) === chosenJob ? 'track here' : 'track'}
            key={job.jobId}
            role="img"
            aria-label={`Job ${job.jobId.slice(67)}: ${stretches[at]!.map(({ words }) => words).join('; ')}`}
          >
            {isDeadlineShown && <i class="mark" style={{ left: place(deadlineMs) }} />}
            {job.backupStartMs !== null && job.backupStartMs < endMs && (
              <i class="mark soft" style={{ left: place(job.backupStartMs) }} />
            )}
            {stretches[at]!.map(({ kind, fromMs, toMs, words, isLower }) => (
              <span
                key={`${kind} ${fromMs}`}
                class={`bar ${kind} ${isLower ? 'lower' : 'upper'}`}
                title={words}
                style={{ left: place(fromMs), width: `${(Math.max(0, toMs - fromMs) / spanMs) * 100}%` }}
              />
            ))}
          </div>,
        ])}
      </div>
      <More shown={count} of={all.length} onMore={() => setCount(count + STEP)} />
      <Legend deadline={isDeadlineShown ? null : deadlineMs - endMs} />
    </>
  );
}

function Legend({ deadline }: { deadline: number | null }) {
  return (
    <ul class="legend">
      <li>
        <span class="bar bidding" /> bidding (frame)
      </li>
      <li>
        <span class="bar primary" /> primary (plain)
      </li>
      <li>
        <span class="bar standby" /> backup standing by (thin, broken)
      </li>
      <li>
        <span class="bar backup" /> backup proving (striped, below)
      </li>
      <li>
        <span class="bar pool" /> pool (dotted frame, below)
      </li>
      <li>
        <span class="bar verification" /> verification (bordered)
      </li>
      <li>
        <span class="mark soft" /> backup’s start at the latest
      </li>
      <li>
        {deadline === null ? (
          <>
            <span class="mark" /> deadline
          </>
        ) : (
          `deadline ${duration(deadline)} beyond the right edge`
        )}
      </li>
    </ul>
  );
}

function ticksOf(spanMs: number): number[] {
  const step = TICK_STEPS.find((one) => spanMs / one <= TICKS) ?? spanMs / TICKS;
  return Array.from({ length: Math.floor((spanMs * 0.97) / step) + 1 }, (_, at) => at * step);
}

function stretchesOf(
  job: JobView,
  rounds: readonly RoundView[],
  nowMs: number,
  nameOf: (address: string) => string,
): Stretch[] {
  const endMs = job.endedAtMs ?? nowMs;
  const found: Stretch[] = [];
  const add = (kind: Stretch['kind'], fromMs: number, toMs: number, what: string, isLower = false) => {
    const [from, to] = [fromMs, Math.max(fromMs, Math.min(toMs, endMs))];
    const words = `${what}, ${clockTime(from, true)}, ${duration(to - from)}`;
    found.push({ kind, fromMs: from, toMs: to, words, isLower });
  };
  for (const { jobIds, openedAtMs, clearedAtMs, step } of rounds) {
    if (jobIds.includes(job.jobId)) add('bidding', openedAtMs, clearedAtMs ?? nowMs, `bidding, round ${step + 1}`);
  }
  const { primary, backup, awardedAtMs, activatedAtMs } = job;
  if (primary && awardedAtMs !== null) {
    const gaveUp = primary.status === 'gaveUp';
    const what = `primary ${nameOf(primary.prover)}${gaveUp ? ', gave up' : ''}`;
    add('primary', awardedAtMs, gaveUp ? (activatedAtMs ?? endMs) : endMs, what);
  }
  if (backup && awardedAtMs !== null) {
    add('standby', awardedAtMs, activatedAtMs ?? endMs, `backup ${nameOf(backup.prover)} standing by`, true);
    if (activatedAtMs !== null) add('backup', activatedAtMs, endMs, `backup ${nameOf(backup.prover)} proving`, true);
  }
  if (job.pool) {
    const count = job.pool.commitments.length;
    const what = `pool, ${inWords(job.pool.cause)}, ${count} ${count === 1 ? 'commitment' : 'commitments'}`;
    add('pool', job.pool.openedAtMs, endMs, what, true);
  }
  for (const { receivedAtMs, verdict, prover, role } of job.submissions) {
    const toMs = verdict === 'invalid' ? receivedAtMs : endMs;
    add('verification', receivedAtMs, toMs, `zkProof of ${nameOf(prover)}: ${verdict}`, role !== 'primary');
  }
  return found;
}
