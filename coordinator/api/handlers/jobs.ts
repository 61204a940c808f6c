import { contentHashOf } from '#protocol/contentHash.js';
import type { ProofSubmission } from '#protocol/messages.js';
import type { Address, Hex } from '#protocol/units.js';
import type { JobView } from '#protocol/views.js';
import { parsePublicSignals, parseZkProof, type ZkProtocol } from '#protocol/zkProof.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import { holdsAssignment, type MarketReads } from '../marketReads.js';
import { Refused, refuse } from '../refused.js';

type JobRoutes = 'getJob' | 'getJobInput' | 'submitProof' | 'giveUp';

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
      if (!holdsAssignment(job, account)) return refuse('notAssigned');
      if (job.status === 'ended') return refuse('jobEnded', `it ended as ${job.outcome}`);
      const input = await reads.jobInput(jobId);
      // The journal drops a job's input with its end, which may have come between the two reads.
      if (input === null) return refuse('jobEnded');
      return { inputHash: job.inputHash, input: input as never };
    },

    submitProof: async ({ body: { message, signature, publicSignals, zkProof } }) => {
      const job = await findJob(message.jobId);
      if (!job) return refuse('unknownJob');
      const content = readContent(message, job, await protocolOf(job.circuitId), { publicSignals, zkProof });
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

function endedNo(job: KnownJob): Refused | null {
  return job.status === 'ended' ? refuse('jobEnded', `it ended as ${job.outcome}`) : null;
}

/**
 * Reads zkProof and public signals in their one accepted spelling, and compares them with the job and with what was
 * signed. Whether the zkProof is true is the verifier's question.
 */
function readContent(
  message: ProofSubmission & { prover: Address },
  job: KnownJob,
  protocol: ZkProtocol,
  sent: { publicSignals: unknown; zkProof: unknown },
): { publicSignals: string[]; zkProof: Record<string, unknown> } | Refused {
  const signals = parsePublicSignals(sent.publicSignals, job.publicSignals.length);
  if (!signals.ok) return refuse('invalidZkProof', `${signals.code}: ${signals.detail}`);
  const parsed = parseZkProof(protocol, sent.zkProof);
  if (!parsed.ok) return refuse('invalidZkProof', `${parsed.code}: ${parsed.detail}`);
  const { publicSignals } = signals;
  const wrong = publicSignals.findIndex((signal, index) => signal !== job.publicSignals[index]);
  if (wrong >= 0) return refuse('signalsMismatch', `signal ${wrong} differs`);
  const { zkProof } = parsed;
  const hash = contentHashOf({ publicSignals, zkProof });
  if (hash !== message.contentHash) return refuse('contentHashMismatch', `the hash of what was sent is ${hash}`);
  return { publicSignals, zkProof: { ...zkProof } };
}
