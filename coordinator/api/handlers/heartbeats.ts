import { assignmentOf, type MarketState, parametersOf, pinnedParameters } from '#market/state.js';
import type { Address } from '#protocol/units.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Handlers } from '../handler.js';
import { holdsAssignment, type MarketReads } from '../marketReads.js';

/** Signs of life. */
export function heartbeatHandlers(deps: ApiDeps, reads: MarketReads): Handlers<'beat'> {
  return {
    beat: async ({ body }, { account }) => {
      const lastSeenMs = deps.nowMs();
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
