import type { AgentSign } from '#protocol/agentRoutes.js';

/** What an agent does when it gives a sign: it starts, takes another's place, goes on working, or stops. */
export type AgentPhase = 'start' | 'takeOver' | 'run' | 'stop';

/** The agent that works for a prover. Times are Unix milliseconds of the coordinator. */
export interface WorkingAgent extends AgentSign {
  sinceMs: number;
  /** Zero once it has stopped. */
  lastSeenMs: number;
  /** The run of the same agent whose place this one took at its start; null once it is known to be over. */
  formerRunId: string | null;
}

/** What the rule goes by. */
export interface AgentTimes {
  nowMs: number;
  leaseMs: number;
  /** When the coordinator came back last: nobody could be heard before. */
  startedAtMs: number;
}

/** Requests of a process that was killed may still be on their way so long, in milliseconds. */
const UNDERWAY_MS = 1_000;

/**
 * Who works for a prover after an agent's sign: at most one at a time.
 *
 * A second agent is refused while the first was heard of within a lease, unless it says that it takes over. Another run of
 * the same data folder takes over at once, since it is a restart: a crash must not cost a lease. Should the former run be heard
 * all the same, there were two of one folder, a copy or a shared one, and the former has its place back.
 * @returns null: the sign is refused
 */
export function agentAfter(
  known: WorkingAgent | null,
  sign: AgentSign,
  phase: AgentPhase,
  times: AgentTimes,
): WorkingAgent | null {
  const { nowMs, leaseMs } = times;
  if (known?.runId === sign.runId) {
    // What is under way when an agent has stopped does not bring it back.
    const hasStopped = phase === 'stop' || known.lastSeenMs === 0;
    return hasStopped ? { ...known, lastSeenMs: 0 } : { ...known, lastSeenMs: Math.max(known.lastSeenMs, nowMs) };
  }
  if (phase === 'stop') return known;
  const fresh = { ...sign, sinceMs: nowMs, lastSeenMs: nowMs, formerRunId: null };
  if (known === null || isSilent(known, times) || phase === 'takeOver') return fresh;
  if (phase === 'start') return known.agentId === sign.agentId ? { ...fresh, formerRunId: known.runId } : null;
  const besideMs = nowMs - known.sinceMs;
  const isGivenBack = known.formerRunId === sign.runId && besideMs > UNDERWAY_MS && besideMs <= leaseMs;
  return isGivenBack ? fresh : null;
}

/** True for an agent that has stopped, or was not heard of for a lease in which the coordinator was there to hear it. */
function isSilent({ lastSeenMs }: WorkingAgent, { nowMs, leaseMs, startedAtMs }: AgentTimes): boolean {
  return lastSeenMs === 0 || nowMs - Math.max(lastSeenMs, startedAtMs) > leaseMs;
}
