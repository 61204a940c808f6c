/** The screen of `agent run`: where the agent stands, as lines of text. Pure: the same status gives the same lines. */
import type { AgentStatus, JobStatus } from './agentStatus.js';
import { shortId, spanText, weiText } from './amounts.js';

/** Jobs, lost bids and notices that are shown at most. */
const JOBS_MAX = 12;
const LOST_MAX = 4;
const NOTICES_MAX = 3;
const BAR_COLUMNS = 20;

/** How a line is to be drawn; a terminal without colours shows the text alone. */
export type Tone = 'title' | 'plain' | 'good' | 'bad' | 'dim';

export interface ScreenLine {
  text: string;
  tone: Tone;
}

const line = (text: string, tone: Tone = 'plain'): ScreenLine => ({ text, tone });

/**
 * The lines to show.
 * @param nowMs - by the clock of the log's times
 */
export function statusLines(status: AgentStatus, nowMs: number): ScreenLine[] {
  return [
    ...headLines(status, nowMs),
    ...moneyLines(status),
    ...circuitLines(status),
    line(''),
    ...jobLines(status, nowMs),
    line(''),
    ...bidLines(status, nowMs),
    ...noticeLines(status, nowMs),
  ];
}

function headLines(status: AgentStatus, nowMs: number): ScreenLine[] {
  const { name, prover, coordinator, phase, isConnected, startedMs } = status;
  const connection = isConnected ? 'connected' : 'not connected';
  const state = phase === 'ready' ? connection : phase;
  const up = startedMs === null ? '' : `, up ${spanText(nowMs - startedMs)}`;
  const isGood = phase === 'ready' && isConnected;
  return [
    line(`Understudy agent ${name ?? ''} ${shortId(prover)}`.trim(), 'title'),
    line(`${state}${up}, ${coordinator ?? ''}`, isGood ? 'good' : phase === 'ready' ? 'bad' : 'plain'),
    line(''),
  ];
}

function moneyLines(status: AgentStatus): ScreenLine[] {
  const { earnedWei, lostWei, paidJobs, lossyJobs, freeWei, bondedWei } = status;
  const lost = lossyJobs > 0 ? `, lost ${weiText(lostWei)} with ${counted(lossyJobs, 'job')}` : '';
  return [
    line(`earned  ${weiText(earnedWei)} with ${counted(paidJobs, 'job')}${lost}`, lossyJobs > 0 ? 'bad' : 'plain'),
    line(`money   ${weiText(freeWei)} free, ${weiText(bondedWei)} in bonds`),
  ];
}

function circuitLines(status: AgentStatus): ScreenLine[] {
  return Object.values(status.circuits).flatMap(({ circuitId, failure, backend, promisedMs, typicalMs, name }) => {
    const title = `proves  ${name ?? shortId(circuitId)}`;
    if (failure !== null) return [line(`${title}: not served, ${failure}`, 'bad')];
    const times = `${spanText(typicalMs ?? 0)} usually, promises ${spanText(promisedMs ?? 0)}`;
    const lines = [line(`${title} by ${backend ?? '?'}: ${times}`), ...keptLines(status, circuitId)];
    const score = status.scores[circuitId];
    if (score) {
      const parts = [
        `on time ${percent(score.onTimePpm)}`,
        `reachable ${percent(score.reachablePpm)}`,
        `takes ${score.latencyPct ?? '?'} % of what it promises`,
      ];
      const line_ = score.isEligible ? 'may win' : `below the line: ${score.flaws.join(', ')}`;
      lines.push(line(`score   ${parts.join(', ')}; ${line_}`, score.isEligible ? 'plain' : 'bad'));
    }
    return lines;
  });
}

/** How estimates came out in this run. */
function keptLines({ estimates }: AgentStatus, circuitId: string): ScreenLine[] {
  const estimate = estimates[circuitId];
  if (!estimate) return [];
  const share = Math.round((100 * estimate.actualMs) / Math.max(1, estimate.expectedMs));
  const { kept, proofs } = estimate;
  return [line(`times   ${kept} of ${proofs} within the promise, took ${share} % of what was expected`)];
}

function jobLines(status: AgentStatus, nowMs: number): ScreenLine[] {
  const jobs = Object.values(status.jobs).toSorted(byUrgency);
  const busy = jobs.filter(({ stage }) => stage === 'witness' || stage === 'proving').length;
  const title = `jobs    ${jobs.length} held, ${busy} of ${counted(status.slots, 'slot')} busy, ${status.delivered} delivered`;
  const shown = jobs.slice(0, JOBS_MAX).map((job) => jobLine(job, nowMs));
  const rest = jobs.length > JOBS_MAX ? [line(`  and ${jobs.length - JOBS_MAX} more`, 'dim')] : [];
  return [line(title), ...shown, ...rest];
}

/** What is being proven first, then by due time. */
function byUrgency(a: JobStatus, b: JobStatus): number {
  const isBusy = ({ stage }: JobStatus) => Number(stage === 'witness' || stage === 'proving');
  return isBusy(b) - isBusy(a) || (a.dueMs ?? 0) - (b.dueMs ?? 0) || (a.jobId < b.jobId ? -1 : 1);
}

function jobLine(
  { jobId, role, stage, progressPpm, expectedEndMs, dueMs, failures }: JobStatus,
  nowMs: number,
): ScreenLine {
  const isBusy = stage === 'witness' || stage === 'proving';
  const due = dueMs === null ? '' : ` due ${inTime(dueMs - nowMs)}`;
  const done = isBusy && expectedEndMs !== null ? ` done ${inTime(expectedEndMs - nowMs)},` : '';
  const bar = isBusy ? `${barText(progressPpm)} ${String(Math.floor(progressPpm / 10_000)).padStart(3)} %` : '';
  const tried = failures > 0 ? `, ${counted(failures, 'failed attempt')}` : '';
  const isLate = dueMs !== null && (expectedEndMs ?? nowMs) > dueMs && stage !== 'delivered' && stage !== 'standby';
  const text = `  ${shortId(jobId).padEnd(16)} ${role.padEnd(8)} ${stage.padEnd(10)} ${bar}${done}${due}${tried}`;
  return line(text.trimEnd(), isLate || failures > 0 ? 'bad' : stage === 'standby' ? 'dim' : 'plain');
}

function barText(ppm: number): string {
  const full = Math.floor((BAR_COLUMNS * Math.min(1_000_000, Math.max(0, ppm))) / 1_000_000);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_COLUMNS - full)}]`;
}

function bidLines(
  { bidsPlaced, bidsWon, bidsLost, roundsSkipped, lastLost }: AgentStatus,
  nowMs: number,
): ScreenLine[] {
  const title = `bids    ${bidsPlaced} placed, ${bidsWon} won${tally(', lost', bidsLost)}${tally('; rounds passed by', roundsSkipped)}`;
  const shown = lastLost.slice(0, LOST_MAX).map(({ atMs, roundId, code, text }) => {
    return line(`  ${ago(nowMs - atMs)}  ${shortId(roundId)}  ${code}: ${text}`, 'dim');
  });
  return [line(title), ...shown];
}

function tally(title: string, counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  if (all.length === 0) return '';
  return `${title} ${all.map(([code, count]) => `${count} ${code}`).join(', ')}`;
}

function noticeLines({ notices }: AgentStatus, nowMs: number): ScreenLine[] {
  if (notices.length === 0) return [];
  const shown = notices.slice(0, NOTICES_MAX);
  return [line(''), ...shown.map(({ atMs, text }) => line(`! ${ago(nowMs - atMs)}  ${text}`, 'bad'))];
}

function ago(ms: number): string {
  return `${spanText(Math.round(ms / 1_000) * 1_000)} ago`.padStart(10);
}

function inTime(ms: number): string {
  return ms >= 0 ? `in ${spanText(ms)}` : `${spanText(-ms)} ago`;
}

function percent(ppm: number | null): string {
  return ppm === null ? '?' : `${Math.round(ppm / 10_000)} %`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
