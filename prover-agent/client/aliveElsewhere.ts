import { pause } from '../backoff.js';
import { KeyInUseError } from './keyLock.js';
import type { Session } from './session.js';

/** Blocks whose jobs are looked at: heartbeats name all jobs at once, so that few are enough. */
const BLOCKS_MAX = 4;
/** A coordinator that is slower than this is not waited for: held jobs must not be lost over the question. */
const ANSWER_MS = 2_000;
/** Heartbeats of a predecessor that died just now may still be on their way, in milliseconds. */
const UNDERWAY_MS = 500;

/**
 * Refuses to work beside an agent on another machine that works with the same key: one that holds jobs sends heartbeats,
 * and their times are public. Looked at before the first heartbeat of this agent, for a third of a lease, and only when the
 * key holds jobs and was heard of just now. Not for an agent that comes back after a crash: it has no time to lose.
 * @throws KeyInUseError
 */
export async function refuseWhenAliveElsewhere(session: Session, signal: AbortSignal): Promise<void> {
  const everyMs = session.market.parameters.leaseMs / 4;
  const before = await lastHeartbeatMs(session);
  const startMs = session.clock.nowMs();
  if (before === null || startMs - before > 1.4 * everyMs) return;
  const sinceMs = startMs + Math.min(UNDERWAY_MS, everyMs / 4);
  for (let look = 0; look < 2 && !signal.aborted; look += 1) {
    await pause(0.75 * everyMs, signal);
    const seenMs = await lastHeartbeatMs(session);
    if (seenMs !== null && seenMs > sinceMs) throw new KeyInUseError(session.address, 'elsewhere');
  }
}

/** When this key's agent was last heard of, by the coordinator's clock; null when it holds nothing, or nobody answers. */
async function lastHeartbeatMs(session: Session): Promise<number | null> {
  const isAnswered = new AbortController();
  const nobody = pause(ANSWER_MS, isAnswered.signal).then(() => null);
  try {
    return await Promise.race([readHeartbeats(session), nobody]);
  } catch {
    return null;
  } finally {
    isAnswered.abort();
  }
}

async function readHeartbeats(session: Session): Promise<number | null> {
  const jobs = await session.listDues();
  const blockIds = [...new Set(jobs.map(({ blockId }) => blockId))].slice(0, BLOCKS_MAX);
  const lists = await Promise.all(blockIds.map((blockId) => session.client.call('listJobs', { params: { blockId } })));
  const own = lists.flatMap(({ progress }) => progress).filter(({ prover }) => prover === session.address);
  return own.length === 0 ? null : Math.max(...own.map(({ lastSeenMs }) => lastSeenMs));
}
