/** What one sees while a block is being proven: a table that redraws itself on a terminal, lines of changes elsewhere. */
import type { JobView, MarketView, ProgressView } from '#protocol/views.js';
import { seconds } from './demoMarket.js';

/** One look at the block. */
export interface Look {
  label: string;
  market: MarketView;
  jobs: JobView[];
  progress: ProgressView[];
  submittedAtMs: number;
  nameOf(address: string): string;
}

const BAR_CELLS = 24;

/** Draws looks, one after the other. */
export class LiveView {
  private readonly terminal: boolean;
  private readonly write: (text: string) => void;
  private drawnLines = 0;
  private readonly said = new Map<string, string>();

  constructor(terminal: boolean, write: (text: string) => void) {
    this.terminal = terminal;
    this.write = write;
  }

  draw(look: Look): void {
    if (!this.terminal) this.sayChanges(look);
    else this.redraw([headline(look), ...look.jobs.map((job) => jobLine(job, look))]);
  }

  /** A line that stays, between the looks. */
  say(text: string): void {
    if (this.terminal && this.drawnLines > 0) this.write(`\u001b[${this.drawnLines}A\u001b[J`);
    this.drawnLines = 0;
    this.write(`${text}\n`);
  }

  private redraw(lines: string[]): void {
    const up = this.drawnLines > 0 ? `\u001b[${this.drawnLines}A\u001b[J` : '';
    this.write(`${up}${lines.join('\n')}\n`);
    this.drawnLines = lines.length;
  }

  private sayChanges(look: Look): void {
    for (const job of look.jobs) {
      const { stage, ppm } = stageOf(job, look);
      const state = `${stage} ${Math.floor(ppm / 250_000)} ${job.activationCause ?? ''}`;
      if (this.said.get(job.jobId) === state) continue;
      this.said.set(job.jobId, state);
      this.write(`${jobLine(job, look)}\n`);
    }
  }
}

function bar(ppm: number): string {
  const full = Math.round((Math.min(ppm, 1_000_000) * BAR_CELLS) / 1_000_000);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}] ${String(Math.floor(ppm / 10_000)).padStart(3)} %`;
}

/** What is going on with a job, in a word, and how far it is. */
function stageOf(job: JobView, look: Look): { stage: string; ppm: number } {
  if (job.status === 'ended') return { stage: job.outcome ?? 'ended', ppm: 1_000_000 };
  if (job.status === 'waiting') return { stage: 'waiting', ppm: 0 };
  if (job.status === 'open') return { stage: 'bidding', ppm: 0 };
  if (job.status === 'pooled' && job.submissions.length === 0) return { stage: 'in the pool', ppm: 0 };
  if (job.submissions.some(({ verdict }) => verdict === 'pending')) return { stage: 'verifying', ppm: 990_000 };
  const worker = job.backup?.status === 'active' ? job.backup.prover : job.primary?.prover;
  const report = look.progress.find(({ jobId, prover }) => jobId === job.jobId && prover === worker);
  const who = job.backup?.status === 'active' ? 'backup ' : '';
  return { stage: `${who}${report?.stage ?? 'awarded'}`, ppm: report?.progressPpm ?? 0 };
}

function jobLine(job: JobView, look: Look): string {
  const { stage, ppm } = stageOf(job, look);
  const index = job.jobId.slice(job.jobId.lastIndexOf('.') + 1).padStart(3);
  const primary = job.primary ? look.nameOf(job.primary.prover) : '-';
  const backup = job.backup ? look.nameOf(job.backup.prover) : '-';
  const cause = job.activationCause ? ` (backup called: ${job.activationCause})` : '';
  return `  job ${index}  ${stage.padEnd(18)} primary ${primary.padEnd(15)} backup ${backup.padEnd(15)} ${bar(ppm)}${cause}`;
}

function headline(look: Look): string {
  const { jobs, market } = look;
  const proven = jobs.filter(({ outcome }) => outcome === 'proven').length;
  const ppm = jobs.reduce((sum, job) => sum + stageOf(job, look).ppm, 0) / Math.max(1, jobs.length);
  const ends = look.progress.flatMap(({ expectedEndMs }) => expectedEndMs ?? []);
  const running = jobs.some(({ status }) => status !== 'ended');
  const leftMs = running && ends.length > 0 ? Math.max(0, Math.max(...ends) - market.nowMs) : null;
  const expected = leftMs === null ? '' : `, expected end in ${seconds(leftMs)}`;
  const elapsed = seconds(Math.max(0, market.nowMs - look.submittedAtMs));
  const rounds = new Set(jobs.map(({ roundId }) => roundId)).size;
  return (
    `${look.label}: ${proven} of ${jobs.length} jobs proven, ${rounds} round${rounds === 1 ? '' : 's'}, ` +
    `log of ${market.treeSize} entries  ${bar(ppm)}  elapsed ${elapsed}${expected}`
  );
}
