import { reject } from '#protocol/rejections.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { completion, expireAwarded, provenPostings } from '../ending.js';
import { awaitsWitness } from '../fault.js';
import { type Assignment, assignmentOf, type Job, type MarketState, pendingCount, pinnedParameters } from '../state.js';
import { activation, dueActivation } from './cover.js';

/**
 * Takes a zkProof from the account that holds the assignment. Shape, signals and content hash were checked at the
 * door; whether it proves the statement is the verifier's word, which comes with `recordVerdict`.
 */
export function submitProof(state: MarketState, command: CommandOf<'submitProof'>, nowMs: number): Decision {
  const { message, signature, digest, publicSignals, zkProof } = command;
  const job = state.jobs.get(message.jobId);
  if (!job) return reject('unknownJob', `${message.jobId} is not open`);
  if (job.status === 'ended') return reject('jobEnded', `it ended as ${job.outcome}`);
  const held = assignmentOf(job, message.prover);
  if (!held || held.assignment.status === 'gaveUp') return reject('notAssigned');
  if (nowMs >= job.deadlineMs) return reject('jobEnded', 'its deadline has passed');
  const called = dueActivation(job, nowMs);
  if (held.assignment.status === 'standby' && called.length === 0) {
    return reject('notActivated', `its start is at ${job.backupStartMs}`);
  }
  if (publicSignals.length !== job.publicSignals.length) return reject('signalsMismatch', 'their number differs');
  const wrong = publicSignals.findIndex((signal, index) => signal !== job.publicSignals[index]);
  if (wrong >= 0) return reject('signalsMismatch', `signal ${wrong} differs`);
  if (held.assignment.invalidCount >= pinnedParameters(state, job).invalidProofsMax) return reject('tooManyInvalid');
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
    role: held.role,
    publicSignals,
    zkProof: zkProof as never,
  });
}

/**
 * Takes the verifier's word on a received zkProof. The first valid one, in the order of receipt, ends the job and is
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
    if (isBehindAnother(job, submission.entryIndex)) return NOTHING;
    const postings = provenPostings(state, job, role, submission.receivedAtMs);
    return accept({ type: 'proofAccepted', ...about, postings }, ...completion(block, 1, 0, nowMs));
  }
  const rejected = { type: 'proofRejected' as const, ...about, code: command.code };
  if (nowMs >= job.deadlineMs && pendingCount(job) === 1 && !awaitsWitness(job)) {
    return accept(rejected, expireAwarded(state, job, nowMs), ...completion(block, 0, 1, nowMs));
  }
  return accept(rejected, ...(role === 'primary' ? activation(job, 'invalidZkProof', nowMs) : []));
}

/** Ends a job whose deadline has come, unless a zkProof received in time, or its witness, is still being checked. */
export function expireJob(state: MarketState, command: CommandOf<'expireJob'>, nowMs: number): Decision {
  const job = state.jobs.get(command.jobId);
  if (!job || job.status !== 'awarded' || nowMs < job.deadlineMs) return NOTHING;
  if (pendingCount(job) > 0 || awaitsWitness(job)) return NOTHING;
  const block = state.blocks.get(job.blockId)!;
  return accept(expireAwarded(state, job, nowMs), ...completion(block, 0, 1, nowMs));
}

/** True while an earlier zkProof for the job has no verdict: the first one received must be judged first. */
function isBehindAnother(job: Job, entryIndex: number): boolean {
  return job.submissions.some((one) => one.verdict === 'pending' && one.entryIndex < entryIndex);
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
  );
}
