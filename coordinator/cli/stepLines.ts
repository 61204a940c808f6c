/** What becomes of jobs that nobody bought, or that both sides failed at, in lines for people: each thing once. */
import type { Client } from '#protocol/client.js';
import type { Escalation } from '#protocol/escalation.js';
import type { Hex } from '#protocol/units.js';
import type { JobView, RoundView } from '#protocol/views.js';

export class StepLines {
  private readonly said = new Set<string>();
  private readonly say: (text: string) => void;

  constructor(say: (text: string) => void) {
    this.say = say;
  }

  /** Looks at a block's rounds and jobs, and says what has not been said. */
  async look(client: Client, blockId: Hex): Promise<void> {
    const params = { blockId };
    const [{ rounds }, { jobs }] = await Promise.all([
      client.call('listBlockRounds', { params }),
      client.call('listJobs', { params }),
    ]);
    this.tell(rounds, jobs);
  }

  /** The same of what was read. */
  tell(rounds: readonly RoundView[], jobs: readonly JobView[]): void {
    for (const round of rounds) for (const step of round.escalations) this.sayOnce(stepLine(round, step));
    for (const { jobId, pool } of jobs) {
      if (pool?.cause !== 'sidesSpent') continue;
      this.sayOnce(
        `job ${indexOf(jobId)}: both sides have failed; its pool pays from ${pool.fromWei} to ${pool.toWei} wei`,
      );
    }
  }

  private sayOnce(line: string): void {
    if (this.said.has(line)) return;
    this.said.add(line);
    this.say(line);
  }
}

/** One step in words: which jobs, why, what there was, and where they go. */
export function stepLine(
  { roundId }: Pick<RoundView, 'roundId'>,
  { next, jobIds, reasons, counts }: Escalation,
): string {
  const isOfPool = reasons.some(({ reason }) => reason.startsWith('noPool'));
  const round = Number(roundId.slice(roundId.lastIndexOf('r') + 1)) + 1;
  const why = reasons.map(({ reason, jobs }) => (reasons.length > 1 ? `${reason} ${jobs}` : reason)).join(', ');
  const { bids, commits, unrevealed, invalid, ...ofBids } = counts;
  const parts = Object.entries(isOfPool ? { unrevealed, invalid } : ofBids).flatMap(([name, count]) =>
    count > 0 ? [`${count} ${name}`] : [],
  );
  const whole = isOfPool ? `${commits} commitments` : `${bids} bids`;
  const what = parts.length > 0 ? `${whole} (${parts.join(', ')})` : whole;
  const where = { round: `go to round ${round + 1}`, pool: 'go to the pool', expiry: 'have expired' }[next];
  const from = isOfPool ? 'the pool' : `round ${round}`;
  return `${from} leaves ${jobIds.length} ${jobIds.length === 1 ? 'job' : 'jobs'} undone: ${why}; ${what}; they ${where}`;
}

function indexOf(jobId: string): string {
  return jobId.slice(jobId.lastIndexOf('.') + 1);
}
