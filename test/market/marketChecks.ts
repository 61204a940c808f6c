/**
 * What must hold of a market after every step, worked out from the log and not from the rules' own code: where the
 * money is, who was paid and slashed for which job, and that nothing is left lying about.
 */
import { depositWeiOf } from '#market/commitReveal.js';
import type { Assignment, MarketState } from '#market/state.js';
import { wakeUpsOfJob } from '#market/wakeUps.js';
import type { Award, Entry, EntryOf } from '#protocol/entries.js';
import { DEFAULT_PARAMETERS, type Parameters } from '#protocol/parameters.js';
import { blockIdOf, jobIdOf } from '#protocol/units.js';
import { PoolBookkeeper } from './poolChecks.js';

type Ending = EntryOf<'proofAccepted'> | EntryOf<'jobExpired'>;

/** Money is where the open work is, and nowhere else. */
export function moneyFlaws(state: MarketState): string[] {
  const flaws: string[] = [];
  const held = new Map<string, bigint>();
  const hold = (account: string, wei: bigint) => held.set(account, (held.get(account) ?? 0n) + wei);
  for (const job of state.jobs.values()) {
    if (job.status === 'ended') continue;
    hold(`escrow:${job.blockId}`, job.maxPriceWei);
    const sides = [job.primary, job.backup].filter((side): side is Assignment => side !== null);
    for (const side of sides) hold(`bond:${side.prover}`, side.bondWei);
    for (const one of job.pool?.commitments ?? []) hold(`bond:${one.prover}`, one.bondWei);
  }
  for (const round of state.rounds.values()) {
    const wei = round.clearedAtMs === null ? depositWeiOf(state, round) : 0n;
    for (const prover of round.bids.keys()) hold(`bond:${prover}`, wei);
  }
  let sum = 0n;
  for (const [account, wei] of state.balances) {
    sum += wei;
    if (wei < 0n && account !== 'outside') flaws.push(`${account} is below zero`);
    if (/^(escrow|bond):/.test(account) && wei !== (held.get(account) ?? 0n)) flaws.push(`${account} holds ${wei}`);
  }
  if (sum !== 0n) flaws.push(`the ledger is off by ${sum}`);
  return flaws;
}

/** I4: a job that has not ended waits for something. */
export function idleFlaws(state: MarketState): string[] {
  const flaws: string[] = [];
  for (const job of state.jobs.values()) {
    if (job.status === 'waiting') {
      const before = job.after.map((jobId) => state.jobs.get(jobId)!);
      if (before.every(({ outcome }) => outcome === 'proven'))
        flaws.push(`${job.jobId} waits for jobs that are proven`);
      if (before.some(({ outcome }) => outcome === 'expired')) flaws.push(`${job.jobId} waits for a job that expired`);
    }
    const isWaiting = job.status === 'awarded' || job.status === 'pooled';
    if (isWaiting && wakeUpsOfJob(job).length === 0) flaws.push(`${job.jobId} waits for nothing`);
    if (job.status === 'open' && state.rounds.get(job.roundId!)?.clearedAtMs !== null) {
      flaws.push(`${job.jobId} is open without an open round`);
    }
  }
  return flaws;
}

/** What the log says of one job up to its end. */
export interface JobStory {
  parameters: Parameters;
  max: bigint;
  requester: string;
  /** Jobs that must be proven first. */
  after: string[];
  blockDeadlineMs: number;
  provenAtMs: number | null;
  /** As its rounds have it; negative before the first. */
  deadlineMs: number;
  award: Award | null;
  activatedAt: number | null;
  activatedAtMs: number | null;
  cause: string | null;
  gone: Set<string>;
  silent: Set<string>;
  receivedAt: Map<string, number>;
  receivedAtMs: Map<string, number>;
  gaps: { fromMs: number; gapMs: number }[];
  /** Since when provers wait in vain for their input. */
  refusedAtMs: Map<string, number>;
  /** Time that each prover waited for its input. */
  waits: Map<string, { fromMs: number; gapMs: number }[]>;
  /** Provers that handed the job back for want of the input. */
  unserved: Set<string>;
  awardedAtMs: number;
  ended: boolean;
}

/** Follows the log and judges every ending. */
export class Bookkeeper {
  readonly flaws: string[] = [];
  readonly seen: Record<string, number> = {};
  private readonly jobs = new Map<string, JobStory>();
  private readonly versions = new Map<number, Parameters>();
  private readonly withdrawn = new Set<string>();
  private readonly pool = new PoolBookkeeper();
  private index = 0;
  private gapEndedAtMs = 0;

  follow(entries: Entry[]): void {
    for (; this.index < entries.length; this.index += 1) {
      const entry = entries[this.index]!;
      this.flaws.push(...this.pool.take(entry, this.index, (jobId) => this.jobs.get(jobId)!));
      this.take(entry);
    }
  }

  /** Jobs that have not ended. */
  open(): string[] {
    return [...this.jobs].filter(([, { ended }]) => !ended).map(([jobId]) => jobId);
  }

  private note(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }

  private take(entry: Entry): void {
    if (entry.type === 'blockSubmitted') this.begin(entry);
    else if (entry.type === 'marketOpened') this.versions.set(1, entry.parameters);
    else if (entry.type === 'jobsEscalated') this.note(`escalated to: ${entry.next}`);
    else if (entry.type === 'poolOpened') this.note(`pool: ${entry.cause}, ${entry.atFault.length} at fault`);
    else if (entry.type === 'parametersSet') this.versions.set(entry.version, entry.parameters);
    else if (entry.type === 'roundOpened') this.openRound(entry);
    else if (entry.type === 'blockWithdrawn') this.withdraw(entry);
    else if (entry.type === 'roundCleared') this.clear(entry);
    else if (entry.type === 'coordinatorStarted') this.goneFor(entry);
    else if (entry.type === 'proofAccepted' || entry.type === 'jobExpired') this.end(entry);
    else if (entry.type === 'backupActivated') {
      const story = this.jobs.get(entry.jobId)!;
      Object.assign(story, { activatedAt: this.index, activatedAtMs: entry.atMs, cause: entry.cause });
      this.note(`activated: ${entry.cause}`);
    } else if (entry.type === 'gaveUp') this.giveUp(entry);
    else if (entry.type === 'inputRefused' || entry.type === 'inputServed') this.takeInput(entry);
    else if (entry.type === 'leaseMissed') this.jobs.get(entry.jobId)!.silent.add(entry.prover);
    else if (entry.type === 'proofReceived') {
      const story = this.jobs.get(entry.message.jobId)!;
      story.receivedAt.set(entry.submissionId, this.index);
      story.receivedAtMs.set(entry.submissionId, entry.atMs);
    }
  }

  /** A job keeps to the parameters that were in force when its newest round opened. */
  private openRound({ jobIds, parametersVersion, deadlineMs, atMs }: EntryOf<'roundOpened'>): void {
    for (const jobId of jobIds) this.isInTurn(jobId, deadlineMs, atMs);
    if (this.withdrawn.has(blockIdOf(jobIds[0]!))) this.flaws.push(`${jobIds[0]} is auctioned though it was withdrawn`);
    if (parametersVersion !== this.versions.size) this.flaws.push(`a round opens under version ${parametersVersion}`);
    const parameters = this.versions.get(parametersVersion)!;
    for (const jobId of jobIds) this.jobs.get(jobId)!.parameters = parameters;
  }

  private clear({ roundId, awards, unawarded, bids, postings, atMs }: EntryOf<'roundCleared'>): void {
    for (const award of awards) Object.assign(this.jobs.get(award.jobId)!, { award, awardedAtMs: atMs });
    const { jobId } = (awards[0] ?? unawarded[0])!;
    if (this.jobs.get(jobId)!.parameters !== this.versions.get(this.versions.size))
      this.note('cleared by an old version');
    const opened = new Set(bids.map(({ message }) => message.prover as string));
    for (const { from, why } of postings) {
      if (why !== 'bidForfeited' && why !== 'bidDepositReturned') continue;
      const isOpened = opened.has(from.slice('bond:'.length));
      if (isOpened && why === 'bidForfeited')
        this.flaws.push(`${from} forfeits for ${roundId}, and has opened its bid`);
      this.note(why === 'bidForfeited' ? 'deposit: forfeited' : `deposit: ${isOpened ? 'returned' : 'excused'}`);
    }
  }

  /** What is withdrawn is nobody's yet, and nothing of the block begins anew. */
  private withdraw({ message, jobIds, roundIds, postings }: EntryOf<'blockWithdrawn'>): void {
    this.withdrawn.add(message.blockId);
    for (const jobId of jobIds) {
      if (this.jobs.get(jobId)!.award) this.flaws.push(`${jobId} is withdrawn from its provers`);
    }
    if (jobIds.length > 0) this.note('withdrawn');
    if (roundIds.length > 0 && postings.length > 0) this.note('withdrawn: deposits returned');
    const wrong = postings.find(({ from, to, why }) => why !== 'bidDepositReturned' || from.slice(5) !== to.slice(8));
    if (wrong) this.flaws.push(`a withdrawal pays ${wrong.to} for ${wrong.why}`);
  }

  /** A job is auctioned when those before it are proven, in a time that leaves those behind it some. */
  private isInTurn(jobId: string, deadlineMs: number, atMs: number): void {
    const story = this.jobs.get(jobId)!;
    if (story.after.length > 0 && story.deadlineMs < 0) this.note('auctioned behind another');
    const early = story.after.find((before) => this.jobs.get(before)!.provenAtMs === null);
    if (early !== undefined) this.flaws.push(`${jobId} is auctioned before ${early} is proven`);
    const late = story.after.find((before) => this.jobs.get(before)!.deadlineMs >= deadlineMs);
    if (late !== undefined) this.flaws.push(`${jobId} is due at ${deadlineMs}, no later than ${late}`);
    if (deadlineMs <= atMs || deadlineMs > story.blockDeadlineMs) this.flaws.push(`${jobId} is due at ${deadlineMs}`);
    story.deadlineMs = deadlineMs;
  }

  private begin({ message, jobs, blockId }: EntryOf<'blockSubmitted'>): void {
    for (const { jobId, after = [] } of jobs) {
      this.jobs.set(jobId, {
        after: after.map((place) => jobIdOf(blockId, place)),
        blockDeadlineMs: message.deadlineMs,
        provenAtMs: null,
        parameters: DEFAULT_PARAMETERS,
        max: BigInt(message.maxPriceWei),
        requester: message.requester,
        deadlineMs: -1,
        award: null,
        activatedAt: null,
        activatedAtMs: null,
        cause: null,
        gone: new Set(),
        silent: new Set(),
        receivedAt: new Map(),
        receivedAtMs: new Map(),
        gaps: [],
        refusedAtMs: new Map(),
        waits: new Map(),
        unserved: new Set(),
        awardedAtMs: 0,
        ended: false,
      });
    }
  }

  private giveUp({ message, excuse, atMs }: EntryOf<'gaveUp'>): void {
    const story = this.jobs.get(message.jobId)!;
    story.gone.add(message.prover);
    const isUnserved = message.reason === 'inputUnavailable' && story.refusedAtMs.has(message.prover);
    if ((excuse === 'inputNotServed') !== isUnserved) this.flaws.push(`excuse ${excuse} of a give-up at ${atMs}`);
    if (isUnserved) story.unserved.add(message.prover);
  }

  private takeInput({ type, jobId, prover, atMs }: EntryOf<'inputRefused' | 'inputServed'>): void {
    const { refusedAtMs, waits } = this.jobs.get(jobId)!;
    const fromMs = refusedAtMs.get(prover);
    if ((fromMs === undefined) !== (type === 'inputRefused')) this.flaws.push(`a needless ${type} at ${atMs}`);
    if (type === 'inputRefused') refusedAtMs.set(prover, atMs);
    else {
      refusedAtMs.delete(prover);
      waits.set(prover, [...(waits.get(prover) ?? []), { fromMs: fromMs!, gapMs: atMs - fromMs! }]);
    }
  }

  private goneFor({ atMs, gapMs }: EntryOf<'coordinatorStarted'>): void {
    if (gapMs === 0) return;
    this.note('gap');
    this.gapEndedAtMs = atMs;
    for (const story of this.jobs.values()) {
      if (!story.award || story.ended) continue;
      story.gaps.push({ fromMs: atMs - gapMs, gapMs });
      for (const [prover, sinceMs] of story.refusedAtMs) story.refusedAtMs.set(prover, Math.min(sinceMs + gapMs, atMs));
    }
  }

  private end(entry: Ending): void {
    const story = this.jobs.get(entry.jobId)!;
    if (story.ended) this.flaws.push(`${entry.jobId} ended twice`);
    story.ended = true;
    if (entry.type === 'proofAccepted') story.provenAtMs = entry.atMs;
    const say = (what: string) => this.flaws.push(`entry ${this.index}, ${entry.type} of ${entry.jobId}: ${what}`);
    const fromEscrow = sumOf(entry, ({ from }) => from === `escrow:${blockIdOf(entry.jobId)}`);
    if (fromEscrow !== story.max) say(`moves ${fromEscrow} of the escrow`);
    if (entry.type === 'proofAccepted') this.judgeProven(entry, story, say);
    else this.judgeExpired(entry, story, say);
  }

  private judgeProven(entry: EntryOf<'proofAccepted'>, story: JobStory, say: (what: string) => void): void {
    const { award, activatedAt, requester } = story;
    if (entry.role === 'pool') {
      this.note(`proven from the pool, ${award ? 'sold' : 'unsold'}`);
      return;
    }
    if (!award) {
      say('was never awarded');
      return;
    }
    const [price, fee] = [BigInt(award.priceWei), BigInt(award.standbyFeeWei)];
    const cost = story.max - earned(entry, requester);
    if (cost > price + fee && !isParty(award, requester)) say(`costs the requester ${cost}, over ${price + fee}`);
    const receivedAt = story.receivedAt.get(entry.submissionId)!;
    const { primary, backup } = award;
    // Within one millisecond the prover has the benefit of the doubt, but not at its due time, which counts when its
    // backup was not called for a fault of its own.
    const receivedAtMs = story.receivedAtMs.get(entry.submissionId)!;
    const isByTime = story.cause === 'startTime' || story.cause === 'predictedMiss';
    const isTooLate = isByTime
      ? receivedAtMs >= dueMsOf(primary.prover, award.primaryDueMs, story)
      : receivedAtMs !== story.activatedAtMs;
    const late = activatedAt !== null && activatedAt < receivedAt && isTooLate;
    this.note(entry.role === 'backup' ? 'proven by backup' : late ? 'proven late' : 'proven in time');
    if (entry.role === 'primary') {
      const lateWei = late ? (price * BigInt(story.parameters.lateBps)) / 10_000n : 0n;
      const got = earned(entry, primary.prover) - BigInt(primary.bondWei);
      if (got !== price - lateWei) say(`the primary got ${got} of ${price}, late ${late}`);
    } else {
      const kept = earned(entry, primary.prover);
      const dearer = BigInt(backup!.priceBidWei) - price;
      const owed = lacksInput(primary.prover, story) ? 0n : lateWeiOf(story) + fee + (dearer > 0n ? dearer : 0n);
      if (kept !== BigInt(primary.bondWei) - owed) say(`a beaten primary gets ${kept}`);
    }
    if (!backup) return;
    const got = earned(entry, backup.prover) - BigInt(backup.bondWei);
    const wasThere = !story.gone.has(backup.prover) && !story.silent.has(backup.prover);
    if (got < 0n) say('the backup was slashed though the job was proven');
    if (wasThere && got < fee) say(`the backup got ${got} of its fee of ${fee}`);
    const bid = BigInt(backup.priceBidWei);
    const covered = lacksInput(primary.prover, story) && price < bid ? price : bid;
    if (entry.role === 'backup' && got < fee + covered) say(`the rescuer got only ${got}`);
    if (!wasThere && entry.role === 'primary' && got !== 0n) say(`an absent backup got ${got}`);
  }

  private judgeExpired(entry: EntryOf<'jobExpired'>, story: JobStory, say: (what: string) => void): void {
    const { award } = story;
    this.note(award ? 'expired' : `unsold: ${entry.reason}`);
    const refund = sumOf(entry, ({ why, to }) => why === 'refund' && to === `account:${story.requester}`);
    if (refund !== story.max) say(`refunds ${refund} of ${story.max}`);
    if (!award) return;
    if (entry.reason === 'withdrawn') say('is withdrawn from its provers');
    for (const side of award.backup ? [award.primary, award.backup] : [award.primary]) {
      const released = sumOf(entry, ({ why, to }) => why === 'bondReleased' && to === `account:${side.prover}`);
      const isUnprovable = entry.reason === 'unsatisfiable';
      const isBackup = side === award.backup;
      const isInTime = story.gone.has(side.prover) || !isInnocent(isBackup, story, this.gapEndedAtMs);
      const innocent = isUnprovable || lacksInput(side.prover, story) || !isInTime;
      if (innocent) this.note(isUnprovable ? 'unprovable' : isInTime ? 'excused: no input' : 'excused');
      if (innocent && released !== BigInt(side.bondWei)) say(`slashes the innocent ${side.prover}`);
      const owed = lateWeiOf(story) + (isBackup ? 0n : BigInt(award.standbyFeeWei));
      if (!innocent && released !== BigInt(side.bondWei) - owed) say(`${side.prover} is at fault and pays wrongly`);
    }
  }
}

/** What a defaulter owes beyond dearer cover and standby fee. */
function lateWeiOf({ max, parameters }: JobStory): bigint {
  return (max * BigInt(parameters.lateDamageBps)) / 10_000n;
}

/**
 * True when the coordinator took time from a side that it needed: a primary that had to be done before its backup's start
 * was put off past the deadline; anybody else has its promised time not within the deadline, or was cut off and had no
 * lease's time to come back. A backup that was not called is.
 */
function isInnocent(isBackup: boolean, story: JobStory, gapEndedAtMs: number): boolean {
  const { award, deadlineMs, activatedAtMs, awardedAtMs, parameters } = story;
  const side = (isBackup ? award!.backup : award!.primary)!;
  const isPutOff = dueMsOf(side.prover, isBackup ? deadlineMs : award!.primaryDueMs, story) > deadlineMs;
  if (!isBackup && award!.backup) return isPutOff;
  if (isBackup && activatedAtMs === null) return true;
  const began = isBackup ? activatedAtMs! : awardedAtMs;
  const startMs = lostBy(side.prover, story).reduce((ms, { fromMs, gapMs }) => {
    const overMs = fromMs + gapMs;
    return overMs < began ? ms : Math.min(ms + gapMs, overMs);
  }, began);
  const spentMs = Math.max(startMs, isBackup ? side.freeFromMs : 0) + side.promisedMs;
  return (
    spentMs > deadlineMs || (isPutOff && gapEndedAtMs > deadlineMs - parameters.deliveryMarginMs - parameters.leaseMs)
  );
}

/** Time that the coordinator cost a side, in the order in which it was over. */
function lostBy(prover: string, { gaps, waits }: JobStory): { fromMs: number; gapMs: number }[] {
  const lost = [...gaps, ...(waits.get(prover) ?? [])];
  return lost.sort((a, b) => a.fromMs + a.gapMs - (b.fromMs + b.gapMs));
}

/** When a side was due, with the time that the coordinator cost it added, unless it was due before that. */
function dueMsOf(prover: string, plannedMs: number, story: JobStory): number {
  return lostBy(prover, story).reduce(
    (dueMs, { fromMs, gapMs }) => (dueMs >= fromMs ? dueMs + gapMs : dueMs),
    plannedMs,
  );
}

/** True when the coordinator did not serve a prover the input that it asked for. */
function lacksInput(prover: string, { gone, unserved, refusedAtMs }: JobStory): boolean {
  return gone.has(prover) ? unserved.has(prover) : refusedAtMs.has(prover);
}

function isParty({ primary, backup }: Award, address: string): boolean {
  return primary.prover === address || backup?.prover === address;
}

function sumOf({ postings }: Ending, chosen: (posting: Ending['postings'][number]) => boolean): bigint {
  return postings.filter(chosen).reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
}

/** All that an ending brings to a party's account. */
function earned(entry: Ending, address: string): bigint {
  return sumOf(entry, ({ to }) => to === `account:${address}`);
}
