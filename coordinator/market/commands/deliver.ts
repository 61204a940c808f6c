import { reject } from '#protocol/rejections.js';
import type { Address } from '#protocol/units.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { following } from '../dependencies.js';
import { provenPostings } from '../ending.js';
import { expiry } from '../escalation.js';
import { awaitsWitness } from '../fault.js';
import { type Fresh, isBehindAnother, poolOpening } from '../pool.js';
import { type Assignment, assignmentOf, type Job, type MarketState, pendingCount, pinnedParameters } from '../state.js';
import { activation, dueActivation } from './cover.js';
import { revealFlaw } from './pool.js';

/**
 * Takes a zkProof from the account that holds the assignment, or that has committed to it in the pool. Shape, signals and content hash were checked at the
 * door; whether it proves the statement is the verifier's word, which comes with `recordVerdict`.
 */
export function submitProof(state: MarketState, command: CommandOf<'submitProof'>, nowMs: number): Decision {
  const { message, signature, digest, publicSignals, zkProof } = command;
  const job = state.jobs.get(message.jobId);
  if (!job) return reject('unknownJob', `${message.jobId} is not open`);
  if (job.status === 'ended') return reject('jobEnded', `it ended as ${job.outcome}`);
  const held = assignmentOf(job, message.prover);
  if (held?.assignment.status === 'gaveUp') return reject('notAssigned');
  if (nowMs >= job.deadlineMs) return reject('jobEnded', 'its deadline has passed');
  const flaw = held ? null : revealFlaw(job, message, nowMs);
  if (flaw) return { ok: false, rejection: flaw };
  const called = dueActivation(job, nowMs);
  if (held?.assignment.status === 'standby' && called.length === 0) {
    return reject('notActivated', `its start is at ${job.backupStartMs}`);
  }
  if (publicSignals.length !== job.publicSignals.length) return reject('signalsMismatch', 'their number differs');
  const wrong = publicSignals.findIndex((signal, index) => signal !== job.publicSignals[index]);
  if (wrong >= 0) return reject('signalsMismatch', `signal ${wrong} differs`);
  const { invalidProofsMax } = pinnedParameters(state, job);
  if (held && held.assignment.invalidCount >= invalidProofsMax) return reject('tooManyInvalid');
  if (job.submissions.some((one) => one.prover === message.prover && one.verdict === 'pending')) {
    return reject('submissionPending');
  }
  if (job.submissions.some((one) => one.submissionId === digest)) return NOTHING;
  return accept(...called, {
    type: 'proofReceived',
    atMs: nowMs,
    submissionId: digest,
    message,
    signature,
    role: held?.role ?? 'pool',
    publicSignals,
    zkProof: zkProof as never,
  });
}

/**
 * Takes the verifier's word on a received zkProof. The first valid one, in the order of claims, ends the job and is
 * paid; an invalid one of the primary calls the backup at once.
 */
export function recordVerdict(state: MarketState, command: CommandOf<'recordVerdict'>, nowMs: number): Decision {
  const job = state.jobs.get(command.jobId);
  const submission = job?.submissions.find((one) => one.submissionId === command.submissionId);
  if (!job || job.status === 'ended' || submission?.verdict !== 'pending') return NOTHING;
  const { prover, role, submissionId } = submission;
  const about = { atMs: nowMs, jobId: job.jobId, prover, role, submissionId };
  const block = state.blocks.get(job.blockId)!;
  if (command.valid) {
    if (isBehindAnother(job, submission, nowMs)) return NOTHING;
    const postings = provenPostings(state, job, submission, nowMs);
    return accept(
      { type: 'proofAccepted', ...about, postings },
      ...following(state, block, { proven: [job.jobId] }, nowMs),
    );
  }
  const rejected = { type: 'proofRejected' as const, ...about, code: command.code };
  if (nowMs >= job.deadlineMs && pendingCount(job) === 1 && !awaitsWitness(job)) {
    return accept(rejected, ...expiry(state, job, nowMs, submissionId));
  }
  const called = role === 'primary' ? activation(job, 'invalidZkProof', nowMs) : [];
  return accept(
    rejected,
    ...called,
    ...poolOpening(state, job, nowMs, { fresh: usedUp(state, job, prover), judgedId: submissionId }),
  );
}

/** The side that one more invalid zkProof spends, if it does. */
function usedUp(state: MarketState, job: Job, prover: Address): Fresh | null {
  const invalidCount = assignmentOf(job, prover)?.assignment.invalidCount ?? 0;
  return invalidCount + 1 >= pinnedParameters(state, job).invalidProofsMax ? { prover, byItself: true } : null;
}

/** Ends a job whose deadline has come, unless a zkProof received in time, or its witness, is still being checked. */
export function expireJob(state: MarketState, command: CommandOf<'expireJob'>, nowMs: number): Decision {
  const job = state.jobs.get(command.jobId);
  if (!job || (job.status !== 'awarded' && job.status !== 'pooled')) return NOTHING;
  if (nowMs < job.deadlineMs || pendingCount(job) > 0 || awaitsWitness(job)) return NOTHING;
  return accept(...expiry(state, job, nowMs));
}

/**
 * Takes a prover's word that it will not deliver. A primary that gives up calls its backup at once. It costs nothing when
 * the input is what it lacks and the log says that the coordinator did not serve it.
 */
export function giveUp(state: MarketState, command: CommandOf<'giveUp'>, nowMs: number): Decision {
  const { message, signature } = command;
  const job = state.jobs.get(message.jobId);
  if (!job) return reject('unknownJob', `${message.jobId} is not open`);
  if (job.status === 'ended') return reject('jobEnded', `it ended as ${job.outcome}`);
  if (nowMs >= job.deadlineMs) return reject('jobEnded', 'its deadline has passed');
  const held = assignmentOf(job, message.prover);
  if (!held || (held.assignment as Assignment).status === 'gaveUp') return reject('notAssigned');
  const isUnserved = message.reason === 'inputUnavailable' && held.assignment.inputRefusedAtMs !== null;
  const excuse = isUnserved ? ('inputNotServed' as const) : null;
  return accept(
    { type: 'gaveUp', atMs: nowMs, message, signature, role: held.role, excuse },
    ...(held.role === 'primary' ? activation(job, 'gaveUp', nowMs) : []),
    ...poolOpening(state, job, nowMs, { fresh: { prover: message.prover, byItself: !isUnserved } }),
  );
}
