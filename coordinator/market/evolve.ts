/**
 * `evolve(state, entry)`: what each entry changes. Reads no clock and decides nothing: the deciding is in `commands/`.
 * The state is changed in place, for speed, and returned, so that `entries.reduce(evolve, emptyState())` is the market.
 */
import type { Entry, EntryOf, EntryType } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import { type Address, blockIdOf, type Hex } from '#protocol/units.js';
import { beginAssignment } from './beginAssignment.js';
import { jobDeadlines } from './dependencies.js';
import { foldGap, shiftAssignment } from './gapFold.js';
import { foldLogOpened } from './nextLogFold.js';
import {
  claimOf,
  excusedByPool,
  foldCall,
  foldEscalation,
  foldPoolCommitted,
  foldPoolOpened,
  spend,
} from './poolFold.js';
import { recordOutcomes, recordProving } from './record.js';
import { foldChainDeposit, foldSetBlock, foldSetItem, SETTLEMENT_EVOLVERS } from './settlementFold.js';
import {
  type Assignment,
  assignmentOf,
  type Job,
  type MarketState,
  type OpenedBid,
  pinnedParameters,
  recordKey,
} from './state.js';

type Evolvers = { [Type in EntryType]: (state: MarketState, entry: EntryOf<Type>) => void };

/** Applies one entry. Throws only on a log that no honest coordinator can have written. */
export function evolve(state: MarketState, entry: Entry): MarketState {
  if ('postings' in entry) applyPostings(state, entry.postings);
  (EVOLVERS[entry.type] as (state: MarketState, entry: Entry) => void)(state, entry);
  state.size += 1;
  state.lastAtMs = entry.atMs;
  return state;
}

/** Moves money. Only `outside` may go below zero: it is the mirror of all money in the market. */
function applyPostings(state: MarketState, postings: Posting[]): void {
  for (const { from, to, amountWei } of postings) {
    const amount = BigInt(amountWei);
    const left = (state.balances.get(from) ?? 0n) - amount;
    if (left < 0n && from !== 'outside') throw new Error(`posting overdraws ${from} by ${-left} wei`);
    state.balances.set(from, left);
    state.balances.set(to, (state.balances.get(to) ?? 0n) + amount);
  }
}

function jobOf(state: MarketState, jobId: string): Job {
  const job = state.jobs.get(jobId);
  if (!job) throw new Error(`entry refers to unknown job ${jobId}`);
  return job;
}

function commit(state: MarketState, jobId: string, side: Assignment): void {
  const held = state.commitments.get(side.prover) ?? new Map();
  held.set(jobId, { jobId, standby: side.status === 'standby', provingMs: side.provingMsP95 });
  state.commitments.set(side.prover, held);
}

function release(state: MarketState, jobId: string, side: Assignment | null): void {
  if (!side) return;
  const held = state.commitments.get(side.prover);
  held?.delete(jobId);
  if (held?.size === 0) state.commitments.delete(side.prover);
}

function endJob(state: MarketState, job: Job, atMs: number): void {
  job.status = 'ended';
  job.endedAtMs = atMs;
  release(state, job.jobId, job.primary);
  release(state, job.jobId, job.backup);
}

const EVOLVERS: Evolvers = {
  marketOpened: (state, { origin, coordinatorId, chainId, logKey, faucet, parameters }) => {
    state.market = { origin, coordinatorId, chainId, logKey, faucet };
    state.parametersVersion = 1;
    state.parameters.set(1, parameters);
  },
  parametersSet: (state, { version, parameters }) => {
    state.parametersVersion = version;
    state.parameters.set(version, parameters);
  },
  circuitRegistered: (state, entry) => {
    const { circuitId, name, kind, protocol, signalCount, verificationKey, wasm, zkey, samples } = entry;
    const files = { verificationKey, wasm, zkey, samples };
    state.circuits.set(circuitId, { circuitId, name, kind, protocol, signalCount, ...files });
  },
  deposited: (state, { chain, amountWei }) => {
    if (chain) foldChainDeposit(state, chain, amountWei);
  },
  proverRegistered: (state, { message, atMs }) => {
    const { prover, owner, name } = message;
    const registeredAtMs = state.provers.get(prover)?.registeredAtMs ?? atMs;
    state.provers.set(prover, { prover, owner, name, registeredAtMs });
  },
  challengeIssued: (state, { challengeId, message, sampleIndex, dueMs, atMs }) => {
    const { prover, circuitId } = message;
    const open = { status: 'open' as const, submissionId: null, receivedAtMs: null };
    const drawn = { prover, circuitId, challengeId, sampleIndex, issuedAtMs: atMs, dueMs };
    state.challenges.set(recordKey(prover, circuitId), { ...drawn, ...open });
  },
  challengeReceived: (state, { submissionId, message, atMs }) => {
    const challenge = state.challenges.get(recordKey(message.prover, message.circuitId))!;
    Object.assign(challenge, { status: 'received', submissionId, receivedAtMs: atMs });
  },
  challengePassed: (state, { prover, circuitId }) => {
    state.challenges.get(recordKey(prover, circuitId))!.status = 'passed';
  },
  challengeFailed: (state, { prover, circuitId }) => {
    state.challenges.get(recordKey(prover, circuitId))!.status = 'failed';
  },
  blockSubmitted: (state, { blockId, message, jobs, atMs }) => {
    state.requesters.set(message.requester, { address: message.requester, nonce: message.nonce });
    state.blocks.set(blockId, {
      blockId,
      request: message,
      jobIds: jobs.map((job) => job.jobId),
      submittedAtMs: atMs,
      isOrdered: jobs.some(({ after }) => after !== undefined),
      withdrawnAtMs: null,
      roundCount: 0,
      provenCount: 0,
      expiredCount: 0,
      completedAtMs: null,
    });
    const deadlines = jobDeadlines(
      jobs.map(({ after }) => after ?? []),
      atMs,
      message.deadlineMs,
    );
    for (const [index, job] of jobs.entries()) {
      const after = (job.after ?? []).map((place) => jobs[place]!.jobId);
      state.jobs.set(
        job.jobId,
        newJob({ ...job, after, deadlineMs: deadlines[index]!, parametersVersion: state.parametersVersion }, message),
      );
    }
  },
  blockWithdrawn: (state, { message, roundIds, atMs }) => {
    state.blocks.get(message.blockId)!.withdrawnAtMs = atMs;
    for (const roundId of roundIds) {
      const round = state.rounds.get(roundId)!;
      round.clearedAtMs = atMs;
      round.withdrawn = true;
      round.bids.clear();
    }
  },
  roundOpened: (state, entry) => {
    const { roundId, blockId, circuitId, jobIds, step, parametersVersion, deadlineMs, closesAtMs, atMs } = entry;
    const maxPriceWei = BigInt(entry.maxPriceWei);
    const terms = { step, parametersVersion, sealing: entry.sealing, maxPriceWei, deadlineMs };
    const times = { openedAtMs: atMs, closesAtMs };
    state.rounds.set(roundId, { roundId, blockId, circuitId, jobIds, ...terms, ...times, ...newRoundBids() });
    state.blocks.get(blockId)!.roundCount += 1;
    for (const jobId of jobIds) {
      const job = jobOf(state, jobId);
      job.status = 'open';
      job.roundId = roundId;
      job.parametersVersion = parametersVersion;
      job.roundsHeld += 1;
    }
  },
  bidPlaced: (state, { roundId, prover, commitment }) => placeCommitment(state, roundId, prover, commitment),
  bidCommitted: (state, { message: { roundId, prover, commitment } }) =>
    placeCommitment(state, roundId, prover, commitment),
  bidsSealed: (state, { roundId, revealsUntilMs, atMs }) => {
    const round = state.rounds.get(roundId)!;
    round.sealedAtMs = atMs;
    round.sealedEntryIndex = state.size;
    round.revealsUntilMs = revealsUntilMs;
  },
  bidOpened: (state, { message, signature, atMs }) => {
    const round = state.rounds.get(message.roundId)!;
    round.opened.set(message.prover, { message, signature });
    // With the last one there is nothing left to wait for.
    if (round.opened.size === round.bids.size) round.revealsUntilMs = atMs;
  },
  roundCleared: (state, { roundId, awards, atMs }) => {
    const round = state.rounds.get(roundId)!;
    round.clearedAtMs = atMs;
    round.clearedEntryIndex = state.size;
    round.bids.clear();
    round.opened.clear();
    for (const award of awards) {
      const job = jobOf(state, award.jobId);
      job.status = 'awarded';
      job.awardedAtMs = atMs;
      job.priceWei = BigInt(award.priceWei);
      job.standbyFeeWei = BigInt(award.standbyFeeWei);
      job.primary = beginAssignment(award.primary, 'primary', award.primaryDueMs, atMs);
      job.backup = award.backup && beginAssignment(award.backup, 'backup', job.deadlineMs, atMs);
      job.backupStartMs = award.backupStartMs;
      if (job.backup) job.primary.spentAtMs = job.primary.dueMs;
      commit(state, job.jobId, job.primary);
      if (job.backup) commit(state, job.jobId, job.backup);
    }
  },
  jobsEscalated: foldEscalation,
  poolOpened: (state, entry) => foldPoolOpened(jobOf(state, entry.jobId), entry),
  poolCommitted: (state, entry) => foldPoolCommitted(jobOf(state, entry.message.jobId), entry, state.size),
  leaseMissed: (state, { jobId, prover, atMs }) => {
    const { assignment } = assignmentOf(jobOf(state, jobId), prover)!;
    assignment.leaseMissed = true;
    spend(assignment, atMs);
  },
  inputRefused: (state, { jobId, prover, atMs }) => {
    assignmentOf(jobOf(state, jobId), prover)!.assignment.inputRefusedAtMs ??= atMs;
  },
  inputServed: (state, { jobId, prover, atMs }) => {
    const { assignment } = assignmentOf(jobOf(state, jobId), prover)!;
    const waitedMs = atMs - (assignment.inputRefusedAtMs ?? atMs);
    assignment.inputRefusedAtMs = null;
    // What it waited for its input was not its time.
    shiftAssignment(assignment, waitedMs, atMs);
  },
  gaveUp: (state, { message, excuse, atMs }) => {
    const job = jobOf(state, message.jobId);
    const { assignment } = assignmentOf(job, message.prover)!;
    assignment.status = 'gaveUp';
    assignment.excuse = excuse;
    if (message.reason === 'witnessFailed') job.witnessClaimedAtMs ??= atMs;
    spend(assignment, atMs);
    release(state, job.jobId, assignment);
  },
  witnessChecked: (state, { jobId, satisfiable }) => {
    const verdict = satisfiable ? 'satisfiable' : 'unsatisfiable';
    jobOf(state, jobId).witnessVerdict = satisfiable === null ? 'unchecked' : verdict;
  },
  backupActivated: (state, { jobId, cause, atMs }) => {
    const job = jobOf(state, jobId);
    job.activatedAtMs = atMs;
    job.activationCause = cause;
    job.backup!.status = 'active';
    job.backup!.activeSinceMs = atMs;
    foldCall(state, job, job.backup!, atMs);
    commit(state, jobId, job.backup!);
  },
  proofReceived: (state, entry) => {
    const { submissionId, message, role, atMs } = entry;
    const job = jobOf(state, message.jobId);
    const received = { prover: message.prover, role, receivedAtMs: atMs, verdict: 'pending' as const };
    const claimIndex = claimOf(job, entry, state.size);
    job.submissions.push({ submissionId, entryIndex: state.size, claimIndex, ...received });
  },
  proofAccepted: (state, { jobId, prover, role, submissionId, postings, atMs }) => {
    const job = jobOf(state, jobId);
    const submission = job.submissions.find((one) => one.submissionId === submissionId)!;
    submission.verdict = 'valid';
    job.outcome = 'proven';
    job.deliveredBy = role;
    job.provingMs = recordProving(state, job, submission);
    recordOutcomes(state, job, atMs, excusedByPool(job, submission));
    endJob(state, job, atMs);
    state.blocks.get(job.blockId)!.provenCount += 1;
    foldSetItem(state, job, prover, postings);
  },
  proofRejected: (state, { jobId, prover, role, submissionId, atMs }) => {
    const job = jobOf(state, jobId);
    job.submissions.find((one) => one.submissionId === submissionId)!.verdict = 'invalid';
    if (role === 'pool') return;
    const { assignment } = assignmentOf(job, prover)!;
    assignment.invalidCount += 1;
    if (assignment.invalidCount >= pinnedParameters(state, job).invalidProofsMax) spend(assignment, atMs);
  },
  jobExpired: (state, { jobId, reason, excused, atMs }) => {
    const job = jobOf(state, jobId);
    job.outcome = 'expired';
    job.outcomeReason = reason;
    recordOutcomes(state, job, atMs, excused);
    endJob(state, job, atMs);
    state.blocks.get(blockIdOf(jobId))!.expiredCount += 1;
  },
  blockCompleted: (state, { blockId, atMs }) => {
    state.blocks.get(blockId)!.completedAtMs = atMs;
    foldSetBlock(state, blockId, atMs);
  },
  coordinatorStarted: foldGap,
  logClosed: (state, { next }) => {
    state.closedFor = next;
  },
  logOpened: foldLogOpened,
  ...SETTLEMENT_EVOLVERS,
};

/** A prover's newest commitment counts, and takes a new place in the order. */
function placeCommitment(state: MarketState, roundId: string, prover: Address, commitment: Hex): void {
  const { bids } = state.rounds.get(roundId)!;
  bids.delete(prover);
  bids.set(prover, commitment);
}

/** A round before its first bid. */
function newRoundBids() {
  return {
    bids: new Map<Address, Hex>(),
    sealedAtMs: null,
    sealedEntryIndex: null,
    revealsUntilMs: null,
    revealExcused: false,
    opened: new Map<Address, OpenedBid>(),
    clearedAtMs: null,
    withdrawn: false,
    clearedEntryIndex: null,
    escalations: [],
  };
}

type SubmittedJob = Pick<Job, 'jobId' | 'publicSignals' | 'inputHash' | 'after' | 'deadlineMs' | 'parametersVersion'>;

function newJob(job: SubmittedJob, request: EntryOf<'blockSubmitted'>['message']): Job {
  const { jobId, publicSignals, inputHash, after, deadlineMs, parametersVersion } = job;
  return {
    jobId,
    blockId: blockIdOf(jobId),
    circuitId: request.circuitId,
    publicSignals,
    inputHash,
    maxPriceWei: BigInt(request.maxPriceWei),
    deadlineMs,
    status: after.length > 0 ? 'waiting' : 'open',
    after,
    roundId: null,
    parametersVersion,
    roundsHeld: 0,
    awardedAtMs: null,
    priceWei: 0n,
    standbyFeeWei: 0n,
    primary: null,
    backup: null,
    backupStartMs: null,
    activatedAtMs: null,
    activationCause: null,
    witnessClaimedAtMs: null,
    witnessVerdict: null,
    poolPolicy: request.pool,
    pool: null,
    submissions: [],
    outcome: null,
    outcomeReason: null,
    deliveredBy: null,
    provingMs: null,
    endedAtMs: null,
  };
}
