/** The full story of one job in plain words, from the entries of the log alone. */
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import { type Address, blockIdOf, type Hex } from '#protocol/units.js';

const GWEI = 1_000_000_000n;

/** Gathers a job's story while the log goes by. */
export class JobStory {
  isFound = false;
  private readonly jobId: string;
  private readonly blockId: Hex;
  private readonly told: string[] = [];
  /** Rounds of the block that this job was in. */
  private readonly rounds = new Set<string>();
  private readonly submissions = new Set<Hex>();
  private beganAtMs = 0;

  constructor(jobId: string) {
    this.jobId = jobId;
    this.blockId = blockIdOf(jobId);
  }

  /** Takes an entry of the log. Those about other jobs are passed over. */
  take(entry: Entry, index: number): void {
    const words = this.wordsOf(entry);
    for (const sentence of words) {
      const after = ((entry.atMs - this.beganAtMs) / 1_000).toFixed(3);
      this.told.push(`entry ${index}, +${after} s: ${sentence}`);
    }
  }

  lines(): string[] {
    if (!this.isFound) return [`the log has no job ${this.jobId}`];
    return [`the story of job ${this.jobId}`, ...this.told.map((one) => `  ${one}`)];
  }

  private wordsOf(entry: Entry): string[] {
    switch (entry.type) {
      case 'blockSubmitted':
        return entry.blockId === this.blockId ? this.submitted(entry) : [];
      case 'roundOpened':
        return entry.jobIds.includes(this.jobId) ? this.roundOpened(entry) : [];
      case 'bidPlaced':
        return this.rounds.has(entry.roundId) ? [`${entry.prover} places a sealed bid`] : [];
      case 'bidCommitted':
        return this.rounds.has(entry.message.roundId) ? [`${entry.message.prover} commits to a bid`] : [];
      case 'bidsSealed':
        return this.rounds.has(entry.roundId) ? [`bidding ends with ${entry.count} commitments`] : [];
      case 'bidOpened': {
        const { roundId, prover, priceWei } = entry.message;
        return this.rounds.has(roundId) ? [`${prover} opens its bid: ${amount(priceWei)}`] : [];
      }
      case 'roundCleared':
        return this.rounds.has(entry.roundId) ? this.cleared(entry) : [];
      case 'jobsEscalated':
        return entry.jobIds.includes(this.jobId) ? this.escalated(entry) : [];
      case 'proofReceived':
        return entry.message.jobId === this.jobId ? this.received(entry) : [];
      case 'blockCompleted':
        return entry.blockId === this.blockId
          ? [`the block is complete: ${entry.proven} jobs proven, ${entry.expired} expired`]
          : [];
      default:
        return this.ofJob(entry);
    }
  }

  private ofJob(entry: Entry): string[] {
    if (entry.type === 'gaveUp' || entry.type === 'poolCommitted') {
      const { jobId, prover } = entry.message;
      if (jobId !== this.jobId) return [];
      if (entry.type === 'poolCommitted')
        return [`${prover} commits to a zkProof from the pool for ${amount(entry.priceWei)}`];
      return [
        `${prover}, ${entry.role}, gives up: ${entry.message.reason}${entry.excuse ? `, excused: ${entry.excuse}` : ''}`,
      ];
    }
    if (!('jobId' in entry) || entry.jobId !== this.jobId) return [];
    switch (entry.type) {
      case 'poolOpened':
        return [`the pool opens (${entry.cause}): from ${amount(entry.fromWei)}, rising to ${amount(entry.toWei)}`];
      case 'leaseMissed':
        return [`${entry.prover}, ${entry.role}, has not been heard of and loses its lease`];
      case 'inputRefused':
        return [`the coordinator fails to serve the input to ${entry.prover}`];
      case 'inputServed':
        return [`the coordinator serves the input to ${entry.prover} after all`];
      case 'witnessChecked':
        return [
          `the coordinator looks for a witness itself: ${entry.satisfiable ?? 'could not be checked'} ${entry.error}`.trim(),
        ];
      case 'backupActivated':
        return [`the backup ${entry.prover} is called: ${entry.cause}`];
      case 'proofAccepted':
        return [`the zkProof of ${entry.prover}, ${entry.role}, is accepted`, ...moneyOf(entry.postings)];
      case 'proofRejected':
        return [`the zkProof of ${entry.prover}, ${entry.role}, is rejected: ${entry.code}`];
      case 'jobExpired':
        return [
          `the job ends unproven: ${entry.reason}${entry.excused.length > 0 ? `; excused: ${entry.excused.join(', ')}` : ''}`,
          ...moneyOf(entry.postings),
        ];
      default:
        return [];
    }
  }

  private submitted({ message, jobs, atMs }: EntryOf<'blockSubmitted'>): string[] {
    const job = jobs.find(({ jobId }) => jobId === this.jobId);
    if (!job) return [];
    this.isFound = true;
    this.beganAtMs = atMs;
    const deadline = ((message.deadlineMs - atMs) / 1_000).toFixed(0);
    const waits = job.after ? `; it waits for the jobs ${job.after.join(', ')} of the block` : '';
    const price = `at most ${amount(message.maxPriceWei)} a job`;
    return [`${message.requester} submits a block of ${jobs.length} jobs, ${price}, due in ${deadline} s${waits}`];
  }

  private roundOpened({ roundId, jobIds, maxPriceWei, closesAtMs, atMs, sealing }: EntryOf<'roundOpened'>): string[] {
    this.rounds.add(roundId);
    const seconds = ((closesAtMs - atMs) / 1_000).toFixed(1);
    const price = amount(maxPriceWei);
    return [`a round for ${jobIds.length} jobs opens for ${seconds} s, at most ${price}, bids sealed by ${sealing}`];
  }

  private cleared({ bids, awards, unawarded, explanations }: EntryOf<'roundCleared'>): string[] {
    const said = bids.map(({ message }, place) => {
      const { code, ...figures } = explanations[place] ?? { code: 'unexplained' };
      const detail = Object.entries(figures).map(([name, value]) => `${name} ${String(value)}`);
      return `bid of ${message.prover}: ${amount(message.priceWei)}: ${[code, ...detail].join(', ')}`;
    });
    const award = awards.find(({ jobId }) => jobId === this.jobId);
    const unsold = unawarded.find(({ jobId }) => jobId === this.jobId);
    if (unsold) said.push(`the round is cleared, and the job is not sold: ${unsold.reason}`);
    if (award) {
      const { primary, backup, priceWei, standbyFeeWei } = award;
      const standby = backup ? `${backup.prover} stands by for ${amount(standbyFeeWei)}` : 'nobody stands by';
      said.push(`sold to ${primary.prover} for ${amount(priceWei)}; ${standby}`);
    }
    return said;
  }

  private escalated({ reasons, next }: EntryOf<'jobsEscalated'>): string[] {
    const reason = reasons.map((one) => `${one.jobs} ${one.reason}`).join(', ');
    return [`nobody has it (${reason}); it goes on to: ${next}`];
  }

  private received({ submissionId, message, role }: EntryOf<'proofReceived'>): string[] {
    this.submissions.add(submissionId);
    return [`${message.prover}, ${role}, delivers a zkProof`];
  }
}

function moneyOf(postings: Posting[]): string[] {
  return postings.map(
    ({ from, to, amountWei, why }) => `${why}: ${amount(amountWei)} from ${party(from)} to ${party(to)}`,
  );
}

function party(account: string): string {
  const [kind, id] = account.split(':') as [string, Address | undefined];
  return kind === 'account' && id
    ? id
    : kind === 'bond' && id
      ? `the bond of ${id}`
      : kind === 'escrow'
        ? 'the escrow'
        : account;
}

/** Wei in gwei where that is whole. */
function amount(wei: string): string {
  const value = BigInt(wei);
  return value % GWEI === 0n ? `${value / GWEI} gwei` : `${wei} wei`;
}
