import { useState } from 'preact/hooks';
import type { JobBrief } from '#protocol/browseViews.js';
import { client } from '../data/client.js';
import { shortId } from '../data/proverNames.js';
import { agreedWei, sum } from '../data/statistics.js';
import { useData } from '../data/useData.js';
import { Figures } from '../parts/figures.js';
import { BlockLink } from '../parts/links.js';
import { formatMoney, moneyFormat } from '../parts/money.js';
import { Notice } from '../parts/notice.js';
import { Table } from '../parts/table.js';
import { dateTime, duration, percent } from '../parts/time.js';

const BLOCKS = 50;
const JOBS = 1_000;

/** One requester: its blocks, what it spent, and what it saved against its max prices. */
export function RequesterPage({ address }: { address: string }) {
  const [before, setBefore] = useState<number | null>(null);
  const loaded = useData(
    `${address} ${before}`,
    () => read(address, before),
    ({ type }) => before === null && ['blockSubmitted', 'blockCompleted', 'proofAccepted', 'jobExpired'].includes(type),
  );
  const { value } = loaded;
  if (!value) return <Notice of={loaded} what={`the requester ${shortId(address)}`} />;
  const { account, blocks, jobs } = value;
  const proven = jobs.filter(({ outcome }) => outcome === 'proven');
  const spent = sum(proven.map(agreedWei));
  const offered = sum(proven.map(({ maxPriceWei }) => maxPriceWei));
  return (
    <>
      <header>
        <h1>
          Requester <span class="id mono quiet wrap">{address}</span>
        </h1>
      </header>
      <Figures
        figures={[
          { name: 'Free money', value: formatMoney(account.freeWei) },
          { name: 'Blocks shown', value: blocks.length, note: before === null ? 'the newest' : 'older ones' },
          { name: 'Jobs proven', value: proven.length, note: `of ${jobs.length}` },
          { name: 'Spent at most', value: formatMoney(spent), note: 'prices and standby fees as agreed' },
          {
            name: 'Saved',
            value: offered === 0n ? '–' : percent(Number(((offered - spent) * 10_000n) / offered) / 10_000),
            note: `of ${formatMoney(offered)} offered for them`,
          },
        ]}
      />
      <Blocks blocks={blocks} jobs={jobs} />
      <p class="row">
        {before !== null && (
          <button type="button" onClick={() => setBefore(null)}>
            Newest
          </button>
        )}
        {blocks.length >= BLOCKS / 2 && (
          <button type="button" onClick={() => setBefore(blocks.at(-1)!.submittedAtMs)}>
            Older
          </button>
        )}
      </p>
    </>
  );
}

async function read(address: string, before: number | null) {
  const place = before === null ? {} : { before };
  const [account, { blocks }, { jobs }] = await Promise.all([
    client.call('getAccount', { params: { address } }),
    client.call('listBlocks', { query: { requester: address, limit: BLOCKS, ...place } }),
    client.call('listJobBriefs', { query: { requester: address, limit: JOBS, ...place } }),
  ]);
  return { account, blocks, jobs };
}

function Blocks({ blocks, jobs }: { blocks: Awaited<ReturnType<typeof read>>['blocks']; jobs: JobBrief[] }) {
  const jobsOf = (blockId: string) => jobs.filter((job) => job.blockId === blockId && job.outcome === 'proven');
  const spentOf = (blockId: string) => sum(jobsOf(blockId).map(agreedWei));
  const money = moneyFormat(blocks.map(({ blockId }) => spentOf(blockId)));
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Blocks <span class="quiet">({money.unit})</span>
          </>
        }
        rows={blocks}
        keyOf={({ blockId }) => blockId}
        empty="This account has submitted no block."
        columns={[
          { head: 'Block', cell: ({ blockId, request }) => <BlockLink blockId={blockId} label={request.label} /> },
          { head: 'Submitted', cell: ({ submittedAtMs }) => dateTime(submittedAtMs) },
          { head: 'Jobs', isNumber: true, cell: ({ jobIds }) => jobIds.length },
          { head: 'Proven', isNumber: true, cell: ({ provenCount }) => provenCount },
          { head: 'Expired', isNumber: true, cell: ({ expiredCount }) => expiredCount },
          {
            head: 'Took',
            isNumber: true,
            cell: ({ completedAtMs, submittedAtMs }) =>
              completedAtMs === null ? 'open' : duration(completedAtMs - submittedAtMs),
          },
          { head: 'Max price', isNumber: true, cell: ({ request }) => money.text(request.maxPriceWei) },
          {
            head: 'Per proven job',
            isNumber: true,
            cell: ({ blockId }) => {
              const count = jobsOf(blockId).length;
              return count === 0 ? '–' : money.text(spentOf(blockId) / BigInt(count));
            },
          },
          { head: 'Spent at most', isNumber: true, cell: ({ blockId }) => money.text(spentOf(blockId)) },
        ]}
      />
    </section>
  );
}
