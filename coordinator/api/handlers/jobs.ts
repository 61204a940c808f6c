import { entryFlaw } from '#market/commands/pool.js';
import type { Job } from '#market/state.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Address, Hex } from '#protocol/units.js';
import type { JobView } from '#protocol/views.js';
import type { ZkProtocol } from '#protocol/zkProof.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import { holdsAssignment, type MarketReads } from '../marketReads.js';
import { Refused, refuse } from '../refused.js';
import { readContent } from '../zkProofContent.js';

type JobRoutes = 'getJob' | 'getJobInput' | 'listPool' | 'commitToPool' | 'submitProof' | 'giveUp';

/** What the door needs to know of a job. */
interface KnownJob {
  publicSignals: string[];
  circuitId: Hex;
  status: JobView['status'];
  outcome: JobView['outcome'];
}

/** Jobs, their private inputs, and what their provers send. */
export function jobHandlers(deps: ApiDeps, reads: MarketReads, commands: Commands): Handlers<JobRoutes> {
  const findJob = async (jobId: string): Promise<KnownJob | null> =>
    deps.journal.state().jobs.get(jobId) ?? (await reads.job(jobId));
  const protocolOf = async (circuitId: Hex): Promise<ZkProtocol> => {
    const circuit = deps.journal.state().circuits.get(circuitId) ?? (await reads.circuit(circuitId));
    if (!circuit) throw new Error('a job stands under a circuit that is not in the tables');
    return circuit.protocol;
  };
  return {
    getJob: async ({ params }) => (await reads.job(params.jobId)) ?? refuse('unknownJob'),

    getJobInput: async ({ params: { jobId } }, { account }) => {
      const job = await reads.job(jobId);
      if (!job) return refuse('unknownJob');
      const no = holdsAssignment(job, account) ? null : poolNo(deps, job, account);
      if (no) return no;
      if (job.status === 'ended') return refuse('jobEnded', `it ended as ${job.outcome}`);
      const input = await reads.jobInput(jobId);
      if (input !== null && contentHashOf(input) === job.inputHash) {
        await noteInput(deps, job, account, true);
        return { inputHash: job.inputHash, input: input as never };
      }
      // The journal drops a job's input with its end, which may have come between the two reads.
      if ((await reads.job(jobId))?.status === 'ended') return refuse('jobEnded');
      await noteInput(deps, job, account, false);
      return refuse(
        'unavailable',
        'the input of the job is not at hand; that is in the log, and excuses who asked in time',
      );
    },

    listPool: async () => ({ jobs: await reads.pooled() }),

    commitToPool: async ({ body: { message, signature } }) => {
      const job = await findJob(message.jobId);
      if (!job) return refuse('unknownJob');
      const checked = await commands.check('PoolCommit', { message, signature }, message.prover, endedNo(job));
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      return await commands.execute({ kind: 'commitToPool', message, signature, digest }, digest);
    },

    submitProof: async ({ body: { message, signature, publicSignals, zkProof } }) => {
      const job = await findJob(message.jobId);
      if (!job) return refuse('unknownJob');
      const protocol = await protocolOf(job.circuitId);
      const content = readContent(message.contentHash, job.publicSignals, protocol, { publicSignals, zkProof });
      if (content instanceof Refused) return content;
      const signed = { message, signature };
      const checked = await commands.check('ProofSubmission', signed, message.prover, endedNo(job));
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      return await commands.execute({ kind: 'submitProof', ...signed, digest, ...content }, digest);
    },

    giveUp: async ({ body: { message, signature } }) => {
      const job = await findJob(message.jobId);
      if (!job) return refuse('unknownJob');
      const checked = await commands.check('GiveUp', { message, signature }, message.prover, endedNo(job));
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      return await commands.execute({ kind: 'giveUp', message, signature, digest }, digest);
    },
  };
}

/**
 * Puts on record that an assignee did not get its input, before it is told so; or that it does now, if it did not. The
 * journal knows best what is on record: a look spares the command for the many who are served at once.
 */
async function noteInput({ journal }: ApiDeps, job: JobView, prover: Address, served: boolean): Promise<void> {
  const sides = [job.primary, job.backup, ...sidesOf(journal.state().jobs.get(job.jobId))];
  const wasRefused = sides.some((side) => side?.prover === prover && side.inputRefusedAtMs !== null);
  if (served && !wasRefused) return;
  await journal.execute({ kind: 'noteInput', jobId: job.jobId, prover, served }, null);
}

function sidesOf(job: Job | undefined) {
  return job ? [job.primary, job.backup] : [];
}

/** Why somebody without an assignment may not read a job's input: it is not in the pool, or not open to this prover. */
function poolNo({ journal, nowMs }: ApiDeps, { jobId, pool }: JobView, account: Address): Refused | null {
  const job = journal.state().jobs.get(jobId);
  if (!pool || !job?.pool) return refuse('notAssigned');
  const flaw = entryFlaw(journal.state(), job, account, nowMs());
  return flaw && new Refused(flaw);
}

function endedNo(job: KnownJob): Refused | null {
  return job.status === 'ended' ? refuse('jobEnded', `it ended as ${job.outcome}`) : null;
}
