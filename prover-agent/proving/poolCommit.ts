import { RejectedError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { poolReachesAtMs } from '#protocol/poolPrice.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { isUnreachable, type Session } from '../client/session.js';
import type { AgentLog } from '../log.js';
import type { HeldJob } from './jobBook.js';
import type { MadeProof } from './prover.js';

/** What others hold up, or an earlier life of this agent has left open: it passes. */
const PASSING: readonly string[] = ['poolFull', 'commitPending', 'submissionPending', 'poolClosed'];

/**
 * Commits to a zkProof for a pooled job as soon as the pool pays this prover's price. Returns when the commitment is in
 * the log: only then may the zkProof be shown. Throws the market's no, and when the job ends meanwhile.
 */
export async function commitToPool(job: HeldJob, made: MadeProof, session: Session, log: AgentLog): Promise<void> {
  const { jobId, pool, deadlineMs, ended } = job;
  if (!pool) return;
  const reachedAtMs = poolReachesAtMs(pool.ramp, deadlineMs, pool.priceWei) ?? deadlineMs;
  await pause(reachedAtMs - session.clock.nowMs(), ended.signal);
  ended.signal.throwIfAborted();
  const { publicSignals, zkProof } = made;
  const contentHash = contentHashOf({ publicSignals, zkProof });
  const isPassing = (error: unknown) => error instanceof RejectedError && PASSING.includes(error.code);
  await repeatUntilDone(() => session.commitToPool(jobId, contentHash), {
    isWorthRepeating: (error) => isUnreachable(error) || isPassing(error),
    signal: ended.signal,
  });
  log('poolCommitted', { jobId });
}
