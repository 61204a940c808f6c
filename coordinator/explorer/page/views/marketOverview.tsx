import { useMemo } from 'preact/hooks';
import type { JobBrief } from '#protocol/browseViews.js';
import type { BlockView, RoundView } from '#protocol/views.js';
import { useMarket } from '../data/marketContext.js';
import { readOverview } from '../data/overview.js';
import { type MarketStatistics, type ProverShare, statisticsOf } from '../data/statistics.js';
import { useData } from '../data/useData.js';
import { useNow } from '../data/useNow.js';
import { Figures } from '../parts/figures.js';
import { lazyView } from '../parts/lazyView.js';
import { BlockLink, ProverLink, ProverName, RequesterLink, RoundLink } from '../parts/links.js';
import { formatMoney, moneyFormat } from '../parts/money.js';
import { Notice } from '../parts/notice.js';
import { Table } from '../parts/table.js';
import { clockTime, dateTime, duration, percent } from '../parts/time.js';

const PROVERS = 20;

/** With the library that draws charts, which the rest of the view need not wait for. */
const Prices = lazyView(() => import('./prices.js').then((views) => views.Prices));

/** How the market does: open rounds, prices, who delivers, and the newest blocks. */
export function MarketOverview() {
  const loaded = useData('overview', readOverview, ({ type }) => type !== 'deposited' && type !== 'circuitRegistered');
  const { value } = loaded;
  const { names } = useMarket();
  const statistics = useMemo(
    () => value && statisticsOf(value.jobs, (prover) => names.find(prover)?.owner ?? prover),
    [value, names],
  );
  if (!value || !statistics) return <Notice of={loaded} what="the market" />;
  return (
    <>
      <h1 class="hidden">Market</h1>
      <Summary statistics={statistics} rounds={value.rounds} jobs={value.jobs} />
      <OpenRounds rounds={value.rounds} blocks={value.blocks} />
      <Prices jobs={value.jobs} />
      <Shares statistics={statistics} />
      <Blocks blocks={value.blocks} />
    </>
  );
}

function Summary({
  statistics,
  rounds,
  jobs,
}: {
  statistics: MarketStatistics;
  rounds: RoundView[];
  jobs: JobBrief[];
}) {
  const { awarded, ended, proven, onTime, running, medianPriceWei, equalOwners, largestOwnerShare } = statistics;
  const { pooled, fromPool } = statistics;
  const none = '–';
  return (
    <Figures
      figures={[
        { name: 'Rounds taking bids', value: rounds.length },
        {
          name: 'Jobs being proven',
          value: running,
          note: pooled === 0 ? undefined : `and ${pooled} waiting in the pool`,
        },
        {
          name: 'Median price of a job',
          value: medianPriceWei === null ? none : formatMoney(medianPriceWei),
          note: `of the ${awarded} newest jobs sold`,
        },
        {
          name: 'Delivered',
          value: ended === 0 ? none : percent(proven / ended),
          note: `${proven} of ${ended} sold jobs that ended${fromPool === 0 ? '' : `; ${fromPool} from the pool, unsold ones too`}`,
        },
        {
          name: 'By the primary, on time',
          value: ended === 0 ? none : percent(onTime / ended),
          note: 'before the backup was called',
        },
        {
          name: 'Concentration',
          value: equalOwners === null ? none : `${equalOwners.toFixed(1)} owners`,
          note:
            largestOwnerShare === null
              ? `of ${jobs.length} jobs`
              : `would be as many equal ones; the largest earns ${percent(largestOwnerShare, 0)}`,
        },
      ]}
    />
  );
}

function OpenRounds({ rounds, blocks }: { rounds: RoundView[]; blocks: BlockView[] }) {
  const nowMs = useNow(rounds.length > 0);
  const prices = moneyFormat(rounds.map(({ maxPriceWei }) => maxPriceWei));
  const labelOf = (blockId: string) => blocks.find((one) => one.blockId === blockId)?.request.label;
  return (
    <section class="panel">
      <Table
        caption="Rounds taking bids"
        rows={rounds}
        keyOf={({ roundId }) => roundId}
        empty="No round is open. A new one appears here as soon as a block is submitted."
        columns={[
          { head: 'Block', cell: ({ blockId }) => <BlockLink blockId={blockId} label={labelOf(blockId) ?? ''} /> },
          { head: 'Round', cell: ({ roundId }) => <RoundLink roundId={roundId} /> },
          { head: 'Jobs', isNumber: true, cell: ({ jobIds }) => jobIds.length },
          { head: 'Bids', isNumber: true, cell: ({ bidCount }) => bidCount },
          { head: `Max price (${prices.unit})`, isNumber: true, cell: ({ maxPriceWei }) => prices.text(maxPriceWei) },
          {
            head: 'Closes in',
            isNumber: true,
            cell: ({ closesAtMs }) => (closesAtMs > nowMs ? duration(closesAtMs - nowMs) : 'now'),
          },
        ]}
      />
    </section>
  );
}

function Shares({ statistics }: { statistics: MarketStatistics }) {
  const { shares, awarded } = statistics;
  const shown = shares.slice(0, PROVERS);
  const total = shares.reduce((all, { earnedWei }) => all + earnedWei, 0n);
  const money = moneyFormat(shown.map(({ earnedWei }) => earnedWei));
  const partOf = ({ earnedWei }: ProverShare) => (total === 0n ? 0 : Number((earnedWei * 10_000n) / total) / 10_000);
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Provers <span class="quiet">in the {awarded} newest jobs sold</span>
          </>
        }
        rows={shown}
        keyOf={({ prover }) => prover}
        empty="No job was sold yet."
        columns={[
          { head: 'Prover', cell: ({ prover }) => <ProverLink address={prover} /> },
          {
            head: 'Owner',
            cell: ({ prover, owner }) => (prover === owner ? 'itself' : <ProverName address={owner} />),
          },
          { head: 'Primary', isNumber: true, cell: ({ asPrimary }) => asPrimary },
          { head: 'Backup', isNumber: true, cell: ({ asBackup }) => asBackup },
          { head: 'Delivered', isNumber: true, cell: ({ delivered }) => delivered },
          statistics.fromPool > 0 && { head: 'From the pool', isNumber: true, cell: ({ fromPool }) => fromPool },
          {
            head: 'On time',
            isNumber: true,
            cell: ({ onTime, ended }) => (ended === 0 ? '–' : percent(onTime / ended, 0)),
          },
          { head: `Earned (${money.unit})`, isNumber: true, cell: ({ earnedWei }) => money.text(earnedWei) },
          {
            head: 'Share of all',
            cell: (one) => (
              <>
                <span class="share" aria-hidden="true">
                  <i style={{ width: `${partOf(one) * 100}%` }} />
                </span>
                {percent(partOf(one), 0)}
              </>
            ),
          },
        ]}
      />
      {shares.length > PROVERS && <p class="quiet">and {shares.length - PROVERS} more who earned less.</p>}
    </section>
  );
}

function Blocks({ blocks }: { blocks: BlockView[] }) {
  return (
    <section class="panel">
      <Table
        caption="Newest blocks"
        rows={blocks}
        keyOf={({ blockId }) => blockId}
        empty="No block was submitted yet."
        columns={[
          { head: 'Block', cell: ({ blockId, request }) => <BlockLink blockId={blockId} label={request.label} /> },
          { head: 'Requester', cell: ({ request }) => <RequesterLink address={request.requester} /> },
          {
            head: 'Submitted',
            cell: ({ submittedAtMs }) => <span title={dateTime(submittedAtMs)}>{clockTime(submittedAtMs)}</span>,
          },
          { head: 'Jobs', isNumber: true, cell: ({ jobIds }) => jobIds.length },
          { head: 'Proven', isNumber: true, cell: ({ provenCount }) => provenCount },
          { head: 'Expired', isNumber: true, cell: ({ expiredCount }) => expiredCount },
          { head: 'Rounds', isNumber: true, cell: ({ roundIds }) => roundIds.length },
          {
            head: 'State',
            cell: ({ status, completedAtMs, submittedAtMs }) =>
              status === 'completed' ? `completed in ${duration(completedAtMs! - submittedAtMs)}` : 'open',
          },
        ]}
      />
    </section>
  );
}
