import { assignmentOf, type MarketState, parametersOf, pinnedParameters } from '#market/state.js';
import type { AgentSign } from '#protocol/agentRoutes.js';
import type { Address } from '#protocol/units.js';
import type { AgentPhase, WorkingAgent } from '../agentRule.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Handlers } from '../handler.js';
import { holdsAssignment, type MarketReads } from '../marketReads.js';
import { type Refused, refuse } from '../refused.js';

/** Signs of life. */
export function heartbeatHandlers(deps: ApiDeps, reads: MarketReads): Handlers<'announceAgent' | 'beat'> {
  const { journal } = deps;
  return {
    announceAgent: async ({ body }, { account }) => {
      // Another replica may have taken the registration a moment ago.
      if (!journal.state().provers.has(account)) await journal.catchUp();
      if (!journal.state().provers.has(account)) return refuse('unknownProver');
      const no = await otherAgentNo(deps, account, body.agent, body.phase);
      return no ?? { leaseMs: parametersOf(journal.state()).leaseMs, nowMs: deps.nowMs() };
    },

    beat: async ({ body }, { account }) => {
      const lastSeenMs = deps.nowMs();
      const isGuarded = body.agent !== undefined && journal.state().provers.has(account);
      const no = isGuarded ? await otherAgentNo(deps, account, body.agent!, 'run') : null;
      if (no) return no;
      const held = await heldJobs(
        deps,
        reads,
        account,
        body.jobs.map(({ jobId }) => jobId),
      );
      for (const report of body.jobs) {
        if (held.has(report.jobId)) deps.heartbeats.note({ ...report, prover: account, lastSeenMs });
      }
      const dropJobIds = [...new Set(body.jobs.map(({ jobId }) => jobId))].filter((jobId) => !held.has(jobId));
      return { leaseMs: shortestLeaseMs(deps.journal.state(), held), nowMs: deps.nowMs(), dropJobIds };
    },
  };
}

/** Says no to a second agent of a prover, and who the first one is. */
async function otherAgentNo(
  { journal, agents, nowMs }: ApiDeps,
  prover: Address,
  sign: AgentSign,
  phase: AgentPhase,
): Promise<Refused | null> {
  const { startedAtMs } = journal.state();
  const { leaseMs } = parametersOf(journal.state());
  const times = { nowMs: nowMs(), leaseMs, startedAtMs };
  const result = await agents.sign(prover, sign, phase, times);
  return result.ok ? null : refuse('keyInUse', portrait(result.other, leaseMs, times.nowMs));
}

function portrait({ host, sinceMs, lastSeenMs }: WorkingAgent, leaseMs: number, nowMs: number): string {
  const heardSec = (Math.max(0, nowMs - lastSeenMs) / 1_000).toFixed(1);
  return (
    `It runs on ${JSON.stringify(host)} since ${new Date(sinceMs).toISOString()} and was heard of ${heardSec} s ago; ` +
    `once it is silent for ${leaseMs / 1_000} s, another may start.`
  );
}

/** The shortest lease of the jobs held, and of what may be held next: jobs keep to the parameters of their rounds. */
function shortestLeaseMs(state: MarketState, jobIds: Iterable<string>): number {
  const jobs = [...jobIds].flatMap((jobId) => state.jobs.get(jobId) ?? []);
  return Math.min(parametersOf(state).leaseMs, ...jobs.map((job) => pinnedParameters(state, job).leaseMs));
}

/**
 * Which of the named jobs run under an assignment of the account. A yes of the live state is good enough; a no may
 * only mean that another replica was quicker, so the tables decide it.
 */
async function heldJobs(
  { journal }: ApiDeps,
  reads: MarketReads,
  account: Address,
  jobIds: readonly string[],
): Promise<Set<string>> {
  const held = new Set<string>();
  const doubtful = new Set<string>();
  for (const jobId of jobIds) {
    const job = journal.state().jobs.get(jobId);
    const side = job?.status === 'awarded' ? assignmentOf(job, account) : null;
    if (side && side.assignment.status !== 'gaveUp') held.add(jobId);
    else doubtful.add(jobId);
  }
  for (const job of await reads.jobs([...doubtful])) {
    if (job.status === 'awarded' && holdsAssignment(job, account)) held.add(job.jobId);
  }
  return held;
}
