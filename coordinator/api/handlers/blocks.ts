import type { CommandOf } from '#market/command.js';
import { decide } from '#market/decide.js';
import type { EntryOf } from '#protocol/entries.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { RejectionCode } from '#protocol/rejections.js';
import { TRANSFERS_PER_CHUNK } from '#protocol/rollup/rollupLimits.js';
import { type Hex, roundIdOf } from '#protocol/units.js';
import { type BundleView, type JobView, PAGE_MAX } from '#protocol/views.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { Refused, refuse } from '../refused.js';

type BlockRoutes = 'submitBlock' | 'withdrawBlock' | 'listBlocks' | 'getBlock' | 'listJobs' | 'getBundle';

/** What the rules say of a request by itself, and time will not cure: said before the block is executed again. */
const SAID_AT_ONCE: ReadonlySet<RejectionCode> = new Set([
  'unsupportedPolicy',
  'zeroMaxPrice',
  'bidWindow',
  'deadlinePassed',
  'deadlineTooNear',
  'deadlineTooFar',
  'tooManyJobs',
  'duplicateBlock',
]);

/** Stands for the digest and the signature in a rehearsal, which looks at neither. */
const NO_DIGEST: Hex = `0x${'0'.repeat(64)}`;

/** Blocks and what came of them. */
export function blockHandlers(deps: ApiDeps, reads: MarketReads, commands: Commands): Handlers<BlockRoutes> {
  return {
    submitBlock: async ({ body: { message, signature, blockFile } }) => {
      const no = await cheapBlockNo(deps, reads, message, blockFile);
      const checked = await commands.check('BlockRequest', { message, signature }, message.requester, no);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const cut = await cutBlock(deps, reads, message, blockFile);
      if (cut instanceof Refused) return cut;
      const { jobs, jobInputs } = cut;
      const command = { kind: 'submitBlock' as const, message, signature, digest, jobs };
      const accepted = await commands.execute(command, digest, { jobInputs });
      if (accepted instanceof Refused) return accepted;
      return { ...accepted, blockId: digest, roundId: roundIdOf(digest, 0) };
    },

    withdrawBlock: async ({ body: { message, signature } }) => {
      const block = await reads.block(message.blockId);
      const no = block ? null : refuse('unknownBlock', `${message.blockId} is not in the log`);
      const checked = await commands.check('BlockWithdrawal', { message, signature }, message.requester, no);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const accepted = await commands.execute({ kind: 'withdrawBlock', message, signature, digest }, digest);
      if (accepted instanceof Refused) return accepted;
      const leaf = (await reads.leaves([accepted.firstIndex])).get(accepted.firstIndex)!;
      return { ...accepted, jobIds: (JSON.parse(leaf) as EntryOf<'blockWithdrawn'>).jobIds };
    },

    listBlocks: async ({ query: { requester, before = Number.MAX_SAFE_INTEGER, limit = PAGE_MAX } }) => ({
      blocks: await reads.blocks({ before, limit, ...(requester && { requester }) }),
    }),

    getBlock: async ({ params }) => (await reads.block(params.blockId)) ?? refuse('notFound'),

    listJobs: async ({ params }) => {
      const jobs = await reads.jobsOf(params.blockId);
      if (jobs.length === 0) return refuse('notFound');
      return { jobs, progress: await reads.progressOf(jobs.map(({ jobId }) => jobId)) };
    },

    getBundle: async ({ params }) => {
      const block = await reads.block(params.blockId);
      if (!block) return refuse('notFound');
      const [jobs, circuit] = await Promise.all([reads.jobsOf(block.blockId), reads.circuit(block.request.circuitId)]);
      if (!circuit) throw new Error('a block stands under a circuit that is not in the tables');
      return {
        blockId: block.blockId,
        complete: jobs.every((job) => job.outcome === 'proven'),
        circuitId: circuit.circuitId,
        verificationKey: circuit.verificationKey,
        zkProofs: await zkProofsOf(reads, jobs),
      };
    },
  };
}

/** The jobs of a block, with their private inputs. */
interface CutBlock {
  jobs: CommandOf<'submitBlock'>['jobs'];
  jobInputs: unknown[];
}

/**
 * Makes jobs of what the requester sent: of transfers by executing them again, of a list of inputs by the circuit's own
 * witness generator. Both say which public signals can be proven.
 */
async function cutBlock(
  { journal, heavyWork, circuitChecker }: ApiDeps,
  reads: MarketReads,
  { requester: asker, circuitId, blockHash }: BlockRequest,
  blockFile: unknown,
): Promise<CutBlock | Refused> {
  const circuit = journal.state().circuits.get(circuitId) ?? (await reads.circuit(circuitId));
  if (!circuit) return refuse('unknownCircuit', `${circuitId} is not registered`);
  if (circuit.kind === 'transferRollup') {
    const split = await heavyWork.splitBlock(blockFile, blockHash);
    if (!split.ok) return refuse(split.code, split.detail);
    return {
      jobs: split.jobs.map(({ publicSignals, inputHash }) => ({ publicSignals, inputHash })),
      jobInputs: split.jobs.map(({ witnessInput }) => witnessInput),
    };
  }
  const { wasm, signalCount } = circuit;
  const listed = await circuitChecker.jobsOf({
    asker,
    wasmSha256: wasm.sha256,
    signalCount,
    blockHash,
    jobsFile: blockFile,
  });
  if (!listed.ok) return refuse(listed.code, listed.detail);
  return {
    jobs: listed.jobs.map(({ publicSignals, inputHash, after }) => {
      return { publicSignals, inputHash, ...(after.length > 0 && { after }) };
    }),
    jobInputs: listed.jobs.map(({ input }) => input),
  };
}

/**
 * Rehearses a submission with as many empty jobs as the file seems to have. Everything here is said again by the
 * journal, for good; what another replica may have changed is looked up in the tables first.
 */
async function cheapBlockNo(
  { journal, nowMs }: ApiDeps,
  reads: MarketReads,
  message: BlockRequest,
  blockFile: unknown,
): Promise<Refused | null> {
  const jobCount = seemingJobs(blockFile);
  // One empty job for all: a hostile file may seem to have millions.
  const jobs = new Array(jobCount).fill({ publicSignals: [], inputHash: NO_DIGEST });
  const signed = { message, signature: NO_DIGEST, digest: NO_DIGEST };
  const rehearsal = decide(journal.state(), { kind: 'submitBlock', ...signed, jobs }, nowMs());
  if (rehearsal.ok) return null;
  const { rejection } = rehearsal;
  if (SAID_AT_ONCE.has(rejection.code)) return new Refused(rejection);
  if (rejection.code === 'unknownCircuit')
    return (await reads.circuit(message.circuitId)) ? null : new Refused(rejection);
  if (rejection.code === 'insufficientFunds') {
    const escrowWei = BigInt(message.maxPriceWei) * BigInt(jobCount);
    return (await reads.freeWei(message.requester)) >= escrowWei ? null : new Refused(rejection);
  }
  return null;
}

/** How many jobs a file seems to have, by its size alone. */
function seemingJobs(blockFile: unknown): number {
  if (Array.isArray(blockFile)) return blockFile.length;
  const transfers = (blockFile as { transfers?: unknown } | null | undefined)?.transfers;
  return Array.isArray(transfers) ? Math.ceil(transfers.length / TRANSFERS_PER_CHUNK) : 1;
}

async function zkProofsOf(reads: MarketReads, jobs: readonly JobView[]): Promise<BundleView['zkProofs']> {
  const valid = jobs.map((job) => job.submissions.find(({ verdict }) => verdict === 'valid'));
  const leaves = await reads.leaves(valid.flatMap((submission) => submission?.entryIndex ?? []));
  return jobs.map(({ jobId, publicSignals }, index) => {
    const submission = valid[index];
    const leaf = submission && leaves.get(submission.entryIndex);
    const zkProof = leaf ? (JSON.parse(leaf) as { zkProof: BundleView['zkProofs'][number]['zkProof'] }).zkProof : null;
    return { jobId, publicSignals, zkProof, prover: submission?.prover ?? null };
  });
}
