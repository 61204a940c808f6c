import { useEffect } from 'preact/hooks';
import type { PostingGroup } from '#protocol/browseViews.js';
import { blockIdOf } from '#protocol/units.js';
import type { BlockView as BlockFacts, JobView, RoundView } from '#protocol/views.js';
import { client } from '../data/client.js';
import type { LiveEntry } from '../data/live.js';
import { useMarket } from '../data/marketContext.js';
import { shortId } from '../data/proverNames.js';
import { useData } from '../data/useData.js';
import { useNow } from '../data/useNow.js';
import { Facts, Figures } from '../parts/figures.js';
import { Gantt } from '../parts/gantt.js';
import { JobLink, Label, ProverLink, RequesterLink, RoundLink } from '../parts/links.js';
import { formatMoney, moneyFormat } from '../parts/money.js';
import { Notice } from '../parts/notice.js';
import { Table } from '../parts/table.js';
import { dateTime, duration, seconds } from '../parts/time.js';
import { causeInWords, inWords, poolInWords } from '../parts/words.js';
import { BlockMoney } from './blockMoney.js';

/** How often an open block is read again: what agents report makes no entries. In milliseconds. */
const PROGRESS_MS = 3_000;

interface BlockData {
  block: BlockFacts;
  jobs: JobView[];
  progress: { jobId: string; prover: string; stage: string; progressPpm: number }[];
  rounds: RoundView[];
  postings: PostingGroup[];
}

/** One block: what happened to its jobs, when, and where the money went. */
export function BlockView({ blockId, job }: { blockId: string; job?: string | undefined }) {
  const loaded = useData(
    blockId,
    () => readBlock(blockId),
    (entry) => blockOf(entry) === blockId,
  );
  const { value } = loaded;
  const isOpen = value?.block.status === 'open';
  const nowMs = useNow(isOpen);
  const { names } = useMarket();
  const { reload } = loaded;
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(reload, PROGRESS_MS);
    return () => clearInterval(timer);
  }, [isOpen, reload]);
  if (!value) return <Notice of={loaded} what={`the block ${shortId(blockId)}`} />;
  const nameOf = (address: string) => names.textOf(address);
  const { block, jobs, rounds } = value;
  return (
    <>
      <Head data={value} />
      <section class="panel">
        <h2>What happened when</h2>
        <Gantt
          jobs={jobs}
          rounds={rounds}
          submittedAtMs={block.submittedAtMs}
          nowMs={nowMs}
          nameOf={nameOf}
          chosenJob={job}
        />
      </section>
      <Jobs data={value} chosen={job} nameOf={nameOf} />
      <BlockMoney postings={value.postings} requester={block.request.requester} />
      <Terms block={block} rounds={rounds} />
    </>
  );
}

async function readBlock(blockId: string): Promise<BlockData> {
  const params = { blockId };
  const [block, { jobs, progress }, { rounds }, { postings }] = await Promise.all([
    client.call('getBlock', { params }),
    client.call('listJobs', { params }),
    client.call('listBlockRounds', { params }),
    client.call('listBlockPostings', { params }),
  ]);
  return { block, jobs, progress, rounds, postings };
}

/** The block that an entry is about; null for none. */
function blockOf({ entry }: LiveEntry): string | null {
  const message = (entry.message ?? {}) as Record<string, unknown>;
  const id = [entry, message].flatMap(({ blockId, jobId, roundId }) => blockId ?? jobId ?? roundId ?? [])[0];
  return typeof id === 'string' ? blockIdOf(id) : null;
}

function Head({ data: { block, jobs } }: { data: BlockData }) {
  const { request, blockId } = block;
  const sold = jobs.filter(({ primary }) => primary);
  const agreed = sold.reduce((total, job) => total + BigInt(job.priceWei) + BigInt(job.standbyFeeWei), 0n);
  const most = BigInt(request.maxPriceWei) * BigInt(jobs.length);
  const ended = jobs.filter(({ status }) => status === 'ended').length;
  const pooled = jobs.filter(({ deliveredBy }) => deliveredBy === 'pool').length;
  return (
    <>
      <header>
        <h1>
          Block <Label text={request.label} /> <span class="id mono quiet wrap">{blockId}</span>
        </h1>
        <p class="row">
          <span>
            from <RequesterLink address={request.requester} />, {dateTime(block.submittedAtMs)}
            {block.withdrawnAtMs !== null && <>; withdrawn by its requester {dateTime(block.withdrawnAtMs)}</>}
          </span>
          <a class="button" href={`/v1/blocks/${blockId}/bundle`} download={`${request.label}.bundle.json`}>
            Download the bundle{block.status === 'completed' ? '' : ' so far'}
          </a>
        </p>
      </header>
      <Figures
        figures={[
          {
            name: 'State',
            value: block.status === 'completed' ? 'completed' : `${ended} of ${jobs.length} ended`,
            note:
              block.completedAtMs === null ? undefined : `in ${duration(block.completedAtMs - block.submittedAtMs)}`,
          },
          { name: 'Proven', value: `${block.provenCount} of ${jobs.length}` },
          { name: 'Expired', value: block.expiredCount },
          {
            name: 'Rescued by a backup',
            value: jobs.filter(({ deliveredBy }) => deliveredBy === 'backup').length,
            note: pooled === 0 ? undefined : `and ${pooled} from the pool`,
          },
          { name: 'Agreed for the jobs sold', value: formatMoney(agreed), note: `of ${formatMoney(most)} at most` },
        ]}
      />
    </>
  );
}

function Jobs({
  data: { jobs, progress },
  chosen,
  nameOf,
}: {
  data: BlockData;
  chosen?: string | undefined;
  nameOf: (address: string) => string;
}) {
  const prices = moneyFormat(jobs.flatMap(({ priceWei, standbyFeeWei }) => [priceWei, standbyFeeWei]));
  return (
    <section class="panel">
      <Table
        caption="Jobs"
        rows={jobs}
        keyOf={({ jobId }) => jobId}
        empty="The block has no jobs."
        classOf={({ jobId }) => (jobId.slice(67) === chosen ? 'here' : undefined)}
        columns={[
          { head: 'Job', isNumber: true, cell: ({ jobId }) => <JobLink jobId={jobId} /> },
          { head: 'Round', isNumber: true, cell: ({ roundId }) => roundId && <RoundLink roundId={roundId} /> },
          { head: 'Primary', cell: ({ primary }) => (primary ? <ProverLink address={primary.prover} /> : '–') },
          { head: 'Backup', cell: ({ backup }) => (backup ? <ProverLink address={backup.prover} /> : '–') },
          {
            head: `Price (${prices.unit})`,
            isNumber: true,
            cell: ({ primary, priceWei }) => (primary ? prices.text(priceWei) : '–'),
          },
          {
            head: 'Standby fee',
            isNumber: true,
            cell: ({ backup, standbyFeeWei }) => (backup ? prices.text(standbyFeeWei) : '–'),
          },
          {
            head: 'Reckoned (s)',
            isNumber: true,
            cell: ({ primary }) => (primary ? seconds(primary.provingMsP95) : '–'),
          },
          {
            head: 'Took (s)',
            isNumber: true,
            cell: ({ provingMs }) => (provingMs === null ? '–' : seconds(provingMs)),
          },
          { head: 'How it goes', isText: true, cell: (job) => storyOf(job, progress, nameOf) },
        ]}
      />
    </section>
  );
}

/** Who ended a job: of the valid zkProofs that with the earliest claim. */
function provenBy({ deliveredBy, submissions, pool }: JobView, nameOf: (address: string) => string): string {
  if (deliveredBy !== 'pool') return `proven by the ${deliveredBy}`;
  const valid = submissions.filter(({ verdict }) => verdict === 'valid').sort((a, b) => a.claimIndex - b.claimIndex);
  const paid = pool?.commitments.find(({ submissionId }) => submissionId === valid[0]?.submissionId);
  return `proven from the pool${paid ? ` by ${nameOf(paid.prover)} for ${formatMoney(paid.priceWei)}` : ''}`;
}

/** Where a job stands, in a few words. */
function storyOf(job: JobView, progress: BlockData['progress'], nameOf: (address: string) => string): string {
  const called = job.activationCause && `backup called: ${causeInWords(job.activationCause)}`;
  if (job.outcome === 'proven') return [provenBy(job, nameOf), called].filter(Boolean).join('; ');
  if (job.outcome === 'expired') return `expired: ${inWords(job.outcomeReason ?? '')}`;
  if (job.status === 'waiting') return `waits for ${job.after.map((jobId) => jobId.slice(67)).join(', ')}`;
  if (job.status === 'open') return 'taking bids';
  if (job.pool && job.status === 'pooled') {
    const { cause, commitments } = job.pool;
    return `in the pool: ${inWords(cause)}; ${commitments.length} ${commitments.length === 1 ? 'commitment' : 'commitments'}`;
  }
  const inPool = job.pool && `in the pool: ${inWords(job.pool.cause)}`;
  const told = progress
    .filter(({ jobId, stage }) => jobId === job.jobId && stage !== 'standby')
    .map(
      ({ prover, stage, progressPpm }) =>
        `${nameOf(prover)}: ${stage}${progressPpm > 0 ? ` ${Math.round(progressPpm / 10_000)}\u202f%` : ''}`,
    );
  return [called ?? 'being proven', inPool, ...told].filter(Boolean).join('; ');
}

function Terms({ block: { request }, rounds }: { block: BlockFacts; rounds: RoundView[] }) {
  const prices = moneyFormat(request.roundPricesWei);
  const steps = request.bidWindowsMs.map(
    (windowMs, at) => `${duration(windowMs)} at ${prices.text(request.roundPricesWei[at] ?? '0')}`,
  );
  return (
    <section class="panel">
      <h2>What the requester signed</h2>
      <Facts
        facts={[
          ['Deadline', dateTime(request.deadlineMs)],
          ['Rounds', `${steps.join(', then ')} ${prices.unit} at most`],
          ['A missed job costs', formatMoney(request.missCostWei)],
          ['Award', inWords(request.award)],
          ['Paid', inWords(request.pricing)],
          ['Backup', inWords(request.backup)],
          ['Least chance of success', `${request.minSuccessPpm / 10_000}\u202f%`],
          ['Most for one owner', `${request.maxOwnerShareBps / 100}\u202f% of a round`],
          [
            'Owners',
            request.allowedOwners.length === 0
              ? 'everybody'
              : request.allowedOwners.map((one) => shortId(one)).join(', '),
          ],
          ['Bids are sealed by', inWords(request.sealing)],
          ['Pool', poolInWords(request.pool)],
          ['Rounds held', rounds.map(({ roundId }) => [<RoundLink key={roundId} roundId={roundId} />, ' '])],
        ]}
      />
    </section>
  );
}
