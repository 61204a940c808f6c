/** The story of each job as the log tells it, judged at its end: who was paid what, once, and for which zkProof. */
import type { Award, Entry, EntryOf } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import { blockIdOf } from '#protocol/units.js';
import type { PoolBooks } from './poolBooks.js';
import type { World } from './world.js';

type Ending = EntryOf<'proofAccepted'> | EntryOf<'jobExpired'>;

interface Received {
  submissionId: string;
  prover: string;
  truthful: boolean;
  /** Its place in the order in which zkProofs count. */
  claim: number;
  judged: boolean;
}

interface Story {
  requester: string;
  maxPriceWei: bigint;
  award: Award | null;
  /** Provers that gave up. */
  gone: Set<string>;
  received: Received[];
  activated: boolean;
  ended: boolean;
}

/** Payments that a job makes at most once. */
const ONCE: ReadonlySet<Posting['why']> = new Set(['price', 'standbyFee', 'lateShare', 'refund']);

export class JobBooks {
  private readonly world: World;
  private readonly pools: PoolBooks;
  private readonly stories = new Map<string, Story>();
  private readonly open = new Set<string>();

  constructor(world: World, pools: PoolBooks) {
    this.world = world;
    this.pools = pools;
  }

  /** Jobs that have not ended. */
  openJobIds(): string[] {
    return [...this.open];
  }

  /** Takes the next entry of the log. */
  take(entry: Entry, index: number): void {
    switch (entry.type) {
      case 'blockSubmitted':
        this.begin(entry);
        break;
      case 'roundCleared':
        for (const award of entry.awards) this.award(award);
        break;
      case 'backupActivated':
        this.storyOf(entry.jobId).activated = true;
        this.world.note(`activation: ${entry.cause}`);
        break;
      case 'gaveUp':
        this.storyOf(entry.message.jobId).gone.add(entry.message.prover);
        break;
      case 'proofReceived':
        this.receive(entry, index);
        break;
      case 'proofRejected':
        this.reject(entry);
        break;
      case 'proofAccepted':
      case 'jobExpired':
        this.end(entry);
        break;
      case 'coordinatorStarted':
        if (entry.gapMs > 0) this.world.note(`gap on record: ${entry.cause}`);
        break;
    }
  }

  private storyOf(jobId: string): Story {
    const story = this.stories.get(jobId);
    if (!story) throw new Error(`the log speaks of the unknown job ${jobId}`);
    return story;
  }

  private begin({ message, jobs }: EntryOf<'blockSubmitted'>): void {
    for (const { jobId } of jobs) {
      this.open.add(jobId);
      this.stories.set(jobId, {
        requester: message.requester,
        maxPriceWei: BigInt(message.maxPriceWei),
        award: null,
        gone: new Set(),
        received: [],
        activated: false,
        ended: false,
      });
    }
  }

  private award(award: Award): void {
    const story = this.storyOf(award.jobId);
    if (story.award) this.flaw('I2', `${award.jobId} was awarded twice`);
    if (award.primary.owner === award.backup?.owner) this.flaw('award', `${award.jobId} has one owner on both sides`);
    const costWei = BigInt(award.priceWei) + BigInt(award.standbyFeeWei);
    if (costWei > story.maxPriceWei) this.flaw('award', `${award.jobId} costs ${costWei}, above its max price`);
    story.award = award;
    this.world.note(award.backup ? 'award: with backup' : 'award: primary alone');
  }

  private receive({ message, submissionId, role, zkProof }: EntryOf<'proofReceived'>, index: number): void {
    const { received, award, gone } = this.storyOf(message.jobId);
    const { prover } = message;
    const isAssigned = award?.primary.prover === prover || award?.backup?.prover === prover;
    const claim = this.pools.claimOf(message.jobId, submissionId, index);
    const mayDeliver = role === 'pool' ? claim < index : isAssigned && !gone.has(prover);
    if (!mayDeliver) this.flaw('I6', `${prover} delivers ${message.jobId} without an assignment`);
    if (received.some((one) => one.submissionId === submissionId))
      this.flaw('I2', `${submissionId} was received twice`);
    received.push({ submissionId, prover, truthful: zkProof.truth === 'valid', claim, judged: false });
  }

  private reject({ jobId, submissionId }: EntryOf<'proofRejected'>): void {
    const found = this.storyOf(jobId).received.find((one) => one.submissionId === submissionId);
    if (!found || found.judged) this.flaw('I6', `a verdict on ${submissionId}, which does not wait for one`);
    else found.judged = true;
    if (found?.truthful) this.flaw('innocent', `the valid zkProof ${submissionId} was rejected`);
  }

  private end(entry: Ending): void {
    const story = this.storyOf(entry.jobId);
    if (story.ended) this.flaw('I2', `${entry.jobId} ended twice`);
    story.ended = true;
    this.open.delete(entry.jobId);
    for (const why of ONCE) {
      if (entry.postings.filter((one) => one.why === why).length > 1)
        this.flaw('I2', `${entry.jobId}: ${why} paid twice`);
    }
    if (entry.postings.some(({ why }) => why === 'slashToRequester')) this.world.note('ending: a bond was slashed');
    const moved = sumOf(entry, ({ from }) => from === `escrow:${blockIdOf(entry.jobId)}`);
    if (moved !== story.maxPriceWei) this.flaw('I3', `${entry.jobId} moves ${moved} wei of its escrow share`);
    if (entry.type === 'proofAccepted') this.judgeProven(entry, story);
    else this.judgeExpired(entry, story);
  }

  private judgeProven(entry: EntryOf<'proofAccepted'>, story: Story): void {
    const { award, received, requester } = story;
    const { jobId, prover, submissionId } = entry;
    this.world.note(
      `ending: proven by ${entry.role}${entry.role === 'primary' && story.activated ? ', after activation' : ''}`,
    );
    const first = received.filter(({ truthful }) => truthful).sort((one, other) => one.claim - other.claim)[0];
    if (first?.submissionId !== submissionId || first.prover !== prover) {
      this.flaw('I6', `${jobId} was paid for another zkProof than the first valid one`);
    }
    if (entry.role === 'pool') {
      this.judgePooled(entry, story);
      return;
    }
    const side = entry.role === 'primary' ? award?.primary : award?.backup;
    if (!award || side?.prover !== prover) this.flaw('I6', `${jobId} was paid to an unassigned prover`);
    const prices = entry.postings.filter(({ why }) => why === 'price');
    if (prices.some(({ to }) => to !== `account:${prover}`)) this.flaw('I6', `the price of ${jobId} went elsewhere`);
    if (!award) return;
    const refundWei = sumOf(entry, ({ to, why }) => why === 'refund' && to === `account:${requester}`);
    const costWei = story.maxPriceWei - refundWei;
    const agreedWei = BigInt(award.priceWei) + BigInt(award.standbyFeeWei);
    if (costWei > agreedWei)
      this.flaw('I3', `${jobId} costs the requester ${costWei}, more than the agreed ${agreedWei}`);
    const paidWei = sumOf(entry, ({ to }) => to === `account:${prover}`);
    if (side && paidWei < BigInt(side.bondWei)) this.flaw('innocent', `${prover} delivered ${jobId} and lost its bond`);
    this.checkBackup(entry, award);
  }

  /** What a zkProof from the pool earns is what its commitment said; the requester pays no more than was agreed. */
  private judgePooled(entry: EntryOf<'proofAccepted'>, { award, requester, maxPriceWei }: Story): void {
    const { jobId, prover, submissionId } = entry;
    const committed = this.pools.committedOf(jobId, submissionId);
    if (committed?.prover !== prover) this.flaw('I6', `${jobId} was paid from the pool without a commitment`);
    const earned = (why: Posting['why']) => sumOf(entry, (one) => one.to === `account:${prover}` && one.why === why);
    const paidWei = earned('price') + earned('cover');
    if (paidWei !== committed?.priceWei) this.flaw('I6', `the pool paid ${paidWei} for ${jobId}`);
    const refundWei = sumOf(entry, ({ to, why }) => why === 'refund' && to === `account:${requester}`);
    const agreedWei = award ? BigInt(award.priceWei) + BigInt(award.standbyFeeWei) : paidWei;
    if (maxPriceWei - refundWei > agreedWei) this.flaw('I3', `the pool costs ${maxPriceWei - refundWei} for ${jobId}`);
  }

  /** A backup is never slashed for a job that was proven. */
  private checkBackup(entry: EntryOf<'proofAccepted'>, { backup }: Award): void {
    if (!backup) return;
    const gotWei = sumOf(entry, ({ to }) => to === `account:${backup.prover}`);
    if (gotWei < BigInt(backup.bondWei)) this.flaw('innocent', `the backup of ${entry.jobId} lost its bond`);
  }

  private judgeExpired(entry: EntryOf<'jobExpired'>, { received, requester, maxPriceWei }: Story): void {
    this.world.note(`ending: expired, ${entry.reason}`);
    if (received.some(({ truthful }) => truthful)) this.flaw('innocent', `${entry.jobId} expired with a valid zkProof`);
    const refundWei = sumOf(entry, ({ why, to }) => why === 'refund' && to === `account:${requester}`);
    if (refundWei !== maxPriceWei) this.flaw('I3', `${entry.jobId} refunds ${refundWei} of ${maxPriceWei}`);
  }

  private flaw(invariant: string, text: string): void {
    this.world.violation(`${invariant}: ${text}`);
  }
}

function sumOf({ postings }: Ending, isChosen: (posting: Posting) => boolean): bigint {
  return postings.filter(isChosen).reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
}
