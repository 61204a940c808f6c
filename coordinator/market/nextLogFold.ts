/** What the opening of a market's next log changes: a part of `evolve`. Source: ARCHITECTURE.md, "Chain of logs". */
import type { EntryOf } from '#protocol/entries.js';
import { depositWeiOf } from './commitReveal.js';
import { awaitsWitness, sidesOf } from './fault.js';
import { foldGap, type Gap } from './gapFold.js';
import { isOpenCommitment } from './pool.js';
import { compactPostings, type Job, type MarketState, posting, type Round } from './state.js';

/** The market goes on in a log of its own origin and key. */
export function foldLogOpened(state: MarketState, entry: EntryOf<'logOpened'>): void {
  const { cause, origin, logKey, coordinatorId, previous, gapMs, atMs } = entry;
  const { size, checkpoint } = previous;
  const before = {
    origin: previous.origin,
    logKey: previous.logKey,
    firstIndex: state.logFirstIndex,
    size,
    checkpoint,
  };
  const isAnnounced = state.closedFor !== null;
  state.earlierLogs.push({ ...before, followedBy: cause, closedAtMs: atMs, isAnnounced });
  state.logFirstIndex = state.size;
  state.closedFor = null;
  Object.assign(state.market!, { origin, logKey, coordinatorId });
  if (cause === 'import') carryOver(state, { atMs, gapMs, lastSignMs: state.lastAtMs });
  // Who committed in the log before may be unable to see its commitment sealed in this one: opening is its choice.
  else for (const round of roundsOpen(state)) if (round.bids.size > 0) round.revealExcused = true;
}

/**
 * Open work after an import. Bids, private inputs and zkProofs that are not in the log are lost, and agents must find the new
 * coordinator: none of it is a prover's fault, and none of it costs one. The requesters' deadlines stand.
 */
function carryOver(state: MarketState, gap: Gap): void {
  const { atMs, lastSignMs } = gap;
  for (const job of state.jobs.values()) dropCommitments(job, lastSignMs);
  foldGap(state, gap);
  state.importedAtMs = atMs;
  for (const round of roundsOpen(state)) restart(state, round, atMs);
  for (const challenge of state.challenges.values()) {
    if (challenge.status !== 'open' && challenge.status !== 'received') continue;
    // It is over, and another one can be had at once.
    Object.assign(challenge, { status: 'open', dueMs: atMs, submissionId: null, receivedAtMs: null });
  }
  for (const job of state.jobs.values()) if (job.status === 'awarded') excuseSides(job, gap);
}

/** Rounds that are not over. */
function roundsOpen(state: MarketState): Round[] {
  return [...state.rounds.values()].filter(({ clearedAtMs }) => clearedAtMs === null);
}

/** Its window begins anew: what was bid is known to nobody any more, or was signed for another market. */
function restart(state: MarketState, round: Round, atMs: number): void {
  const { bidWindowsMs } = state.blocks.get(round.blockId)!.request;
  round.closesAtMs = atMs + bidWindowsMs[round.step]!;
  round.bids.clear();
  round.opened.clear();
  Object.assign(round, { sealedAtMs: null, sealedEntryIndex: null, revealsUntilMs: null, revealExcused: false });
}

function dropCommitments({ pool, ...job }: Job, lastSignMs: number): void {
  if (pool) pool.commitments = pool.commitments.filter((one) => !isOpenCommitment(job as Job, one, lastSignMs));
}

/**
 * Both sides lack the input, until they are served it; the primary is on time until the deadline. Whoever had failed before
 * has failed. A give-up whose claim nobody can look into any more is believed.
 */
function excuseSides(job: Job, { atMs, lastSignMs }: Gap): void {
  for (const side of sidesOf(job)) {
    if (side.status === 'gaveUp') {
      if (awaitsWitness(job)) side.excuse ??= 'inputNotServed';
      continue;
    }
    // A moment before the gap has not been shifted by it.
    if (side.spentAtMs !== null && side.spentAtMs <= lastSignMs) continue;
    side.inputRefusedAtMs ??= atMs;
    if (side !== job.primary || side.dueMs <= lastSignMs) continue;
    side.dueMs = Math.max(side.dueMs, job.deadlineMs);
    if (side.spentAtMs !== null) side.spentAtMs = side.dueMs;
  }
}

/** Deposits and bonds of what an import drops, given back: what an opening entry of that cause must move. */
export function carriedOverPostings(state: MarketState) {
  const deposits = roundsOpen(state).flatMap((round) => {
    const depositWei = depositWeiOf(state, round);
    return [...round.bids.keys()].map((prover) =>
      posting(`bond:${prover}`, `account:${prover}`, depositWei, 'bidDepositReturned'),
    );
  });
  const bonds = [...state.jobs.values()].flatMap((job) => {
    const open = (job.pool?.commitments ?? []).filter((one) => isOpenCommitment(job, one, state.lastAtMs));
    return open.map(({ prover, bondWei }) => posting(`bond:${prover}`, `account:${prover}`, bondWei, 'bondReleased'));
  });
  return compactPostings([...deposits, ...bonds]);
}
