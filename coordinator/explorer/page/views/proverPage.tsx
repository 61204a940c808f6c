import { useMemo, useState } from 'preact/hooks';
import type { JobBrief } from '#protocol/browseViews.js';
import type { RouteAnswer } from '#protocol/routeCalls.js';
import { client } from '../data/client.js';
import { useMarket } from '../data/marketContext.js';
import { shortId } from '../data/proverNames.js';
import { isOnTime, sum } from '../data/statistics.js';
import { useData } from '../data/useData.js';
import { Chart } from '../parts/chart.js';
import { Figures } from '../parts/figures.js';
import { BlockLink, JobLink, Label, ProverName } from '../parts/links.js';
import { formatMoney, moneyFormat } from '../parts/money.js';
import { Notice } from '../parts/notice.js';
import { PostingsTable } from '../parts/postingsTable.js';
import { Table } from '../parts/table.js';
import { dateTime, percent, seconds } from '../parts/time.js';
import { causeInWords, inWords } from '../parts/words.js';
import { ProverScores } from './proverScores.js';

const JOBS = 200;
const POSTINGS = 500;

/** What a prover is paid for, and what it loses. */
const INCOME = ['price', 'standbyFee', 'cover', 'lateShare', 'slashToRescuer'];
const SLASHES = ['slashToRescuer', 'slashToRequester', 'cover', 'bidForfeited'];

/** One prover: score, promised against actual times, earnings, slashes, bond. */
export function ProverPage({ address }: { address: string }) {
  const [before, setBefore] = useState<number | null>(null);
  const loaded = useData(
    `${address} ${before}`,
    () => read(address, before),
    ({ entry }) => before === null && JSON.stringify(entry).includes(address),
  );
  const { names } = useMarket();
  const { value } = loaded;
  if (!value) return <Notice of={loaded} what={`the prover ${shortId(address)}`} />;
  const { account, jobs, postings } = value;
  const registered = names.find(address);
  return (
    <>
      <header>
        <h1>
          Prover {account.prover ? <Label text={account.prover.name} /> : 'without registration'}{' '}
          <span class="id mono quiet wrap">{address}</span>
        </h1>
        <p>
          {account.prover && (
            <>
              Owner: {account.prover.owner === address ? 'itself' : <ProverName address={account.prover.owner} />}
              {registered && <>; registered {dateTime(registered.registeredAtMs)}</>}
            </>
          )}
        </p>
      </header>
      <Summary address={address} account={account} jobs={jobs} postings={postings} />
      <ProverScores address={address} />
      <Times address={address} jobs={jobs} />
      <Jobs address={address} jobs={jobs} />
      <PostingsTable
        postings={postings}
        address={address}
        isPaged={before !== null}
        onOlder={postings.length >= POSTINGS / 2 ? () => setBefore(postings.at(-1)!.entryIndex) : null}
        onNewest={() => setBefore(null)}
      />
    </>
  );
}

type Account = RouteAnswer<'getAccount'>;
type Posting = RouteAnswer<'listPostings'>['postings'][number];

async function read(address: string, before: number | null) {
  const params = { address };
  const [account, { jobs }, { postings }] = await Promise.all([
    client.call('getAccount', { params }),
    client.call('listProverJobs', { params, query: { limit: JOBS } }),
    client.call('listPostings', { params, query: { limit: POSTINGS, ...(before !== null && { before }) } }),
  ]);
  return { account, jobs, postings };
}

interface SummaryProps {
  address: string;
  account: Account;
  jobs: JobBrief[];
  postings: Posting[];
}

function Summary({ address, account, jobs, postings }: SummaryProps) {
  const asPrimary = jobs.filter(({ primary }) => primary?.prover === address);
  const ended = asPrimary.filter(({ status }) => status === 'ended');
  const earned = sum(
    postings.filter(({ to, why }) => to === `account:${address}` && INCOME.includes(why)).map((one) => one.amountWei),
  );
  const slashed = sum(
    postings.filter(({ from, why }) => from === `bond:${address}` && SLASHES.includes(why)).map((one) => one.amountWei),
  );
  const of = `in the ${postings.length} newest movements`;
  return (
    <Figures
      figures={[
        { name: 'Free money', value: formatMoney(account.freeWei) },
        { name: 'Locked as bonds', value: formatMoney(account.bondedWei) },
        { name: 'Earned', value: formatMoney(earned), note: of },
        { name: 'Slashed', value: formatMoney(slashed), note: of },
        {
          name: 'On time as primary',
          value: ended.length === 0 ? '–' : percent(ended.filter(isOnTime).length / ended.length, 0),
          note: `of ${ended.length} ended jobs`,
        },
        {
          name: 'Jobs held now',
          value: jobs.filter((job) => job.status === 'awarded' && roleOf(job, address) !== 'pool').length,
          note: `of the ${jobs.length} newest`,
        },
      ]}
    />
  );
}

/** As what a prover had to do with a job. */
function roleOf({ primary, backup }: JobBrief, address: string): 'primary' | 'backup' | 'pool' {
  return primary?.prover === address ? 'primary' : backup?.prover === address ? 'backup' : 'pool';
}

/** The p95 that the award reckoned with: the larger of promised and measured. Null in the pool, where nobody asks. */
function reckonedMs(job: JobBrief, address: string): number | null {
  const role = roleOf(job, address);
  return role === 'pool' ? null : job[role]!.provingMsP95;
}

/** True when it delivered under an assignment: from the pool nobody knows how long it took. */
function isTimed(job: JobBrief, address: string): boolean {
  return job.deliverer === address && job.deliveredBy !== 'pool' && job.provingMs !== null;
}

/** What the prover was to earn; null when another was faster in the pool. */
function wageWei(job: JobBrief, address: string): string | null {
  const role = roleOf(job, address);
  if (role === 'pool') return job.deliverer === address ? job.poolPriceWei : null;
  return role === 'primary' ? job.priceWei : job.standbyFeeWei;
}

function Times({ address, jobs }: { address: string; jobs: JobBrief[] }) {
  const delivered = useMemo(
    () => jobs.filter((job) => isTimed(job, address)).sort((a, b) => a.endedAtMs! - b.endedAtMs!),
    [jobs, address],
  );
  const times = useMemo(() => delivered.map(({ endedAtMs }) => endedAtMs! / 1_000), [delivered]);
  const lines = useMemo(
    () => [
      {
        label: 'Took',
        values: delivered.map(({ provingMs }) => provingMs! / 1_000),
        style: 'dots' as const,
        colour: '--blue',
      },
      {
        label: 'Reckoned',
        values: delivered.map((job) => reckonedMs(job, address)! / 1_000),
        style: 'dashed' as const,
        colour: '--amber',
      },
    ],
    [delivered, address],
  );
  if (delivered.length < 2) return null;
  return (
    <section class="panel">
      <h2>Proving times, reckoned and actual</h2>
      <p class="quiet">
        The dashed line is the time that the award reckoned with, for 95 of 100 jobs: as promised in the bid, or as
        measured where that was longer. Dots are what it took.
      </p>
      <Chart
        title="Proving time of each delivered job against the time reckoned with"
        times={times}
        lines={lines}
        unit="s"
        format={(value) => value.toLocaleString('en', { maximumFractionDigits: 1 })}
        height={190}
      />
    </section>
  );
}

/** How a job went, or stands, in a few words. */
function storyOf({ status, outcome, deliveredBy, activationCause, outcomeReason }: JobBrief): string {
  if (outcome === null) return status === 'pooled' ? 'in the pool' : 'being proven';
  if (outcome === 'expired') return `expired: ${inWords(outcomeReason ?? '')}`;
  const called = activationCause ? `; backup called: ${causeInWords(activationCause)}` : '';
  return `${deliveredBy === 'pool' ? 'proven from the pool' : `proven by the ${deliveredBy}`}${called}`;
}

function Jobs({ address, jobs }: { address: string; jobs: JobBrief[] }) {
  const wages = jobs.map((job) => wageWei(job, address)).filter((wage) => wage !== null);
  const money = moneyFormat(wages);
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Newest jobs <span class="quiet">({money.unit})</span>
          </>
        }
        rows={jobs}
        keyOf={({ jobId }) => jobId}
        empty="This prover has not had a job yet."
        columns={[
          { head: 'Awarded', cell: ({ awardedAtMs }) => (awardedAtMs === null ? '–' : dateTime(awardedAtMs)) },
          { head: 'Block', cell: ({ blockId }) => <BlockLink blockId={blockId} /> },
          { head: 'Job', isNumber: true, cell: ({ jobId }) => <JobLink jobId={jobId} /> },
          { head: 'As', cell: (job) => (roleOf(job, address) === 'pool' ? 'from the pool' : roleOf(job, address)) },
          {
            head: 'For',
            isNumber: true,
            cell: (job) => {
              const wage = wageWei(job, address);
              return wage === null ? '–' : money.text(wage);
            },
          },
          {
            head: 'Reckoned (s)',
            isNumber: true,
            cell: (job) => {
              const reckoned = reckonedMs(job, address);
              return reckoned === null ? '–' : seconds(reckoned);
            },
          },
          {
            head: 'Took (s)',
            isNumber: true,
            cell: (job) => (isTimed(job, address) ? seconds(job.provingMs!) : '–'),
          },
          {
            head: 'How it went',
            isText: true,
            cell: storyOf,
          },
        ]}
      />
    </section>
  );
}
