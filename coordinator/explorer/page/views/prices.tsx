import { useMemo } from 'preact/hooks';
import type { JobBrief } from '#protocol/browseViews.js';
import { clearingsOf } from '../data/statistics.js';
import { Chart, type ChartLine } from '../parts/chart.js';
import { moneyFormat } from '../parts/money.js';
import { Table } from '../parts/table.js';
import { dateTime } from '../parts/time.js';

/** Prices over time, one point a clearing, against what the winners asked for themselves. */
export function Prices({ jobs }: { jobs: JobBrief[] }) {
  const clearings = useMemo(() => clearingsOf(jobs), [jobs]);
  const money = useMemo(() => moneyFormat(clearings.map(({ priceWei }) => priceWei)), [clearings]);
  const times = useMemo(() => clearings.map(({ atMs }) => atMs / 1_000), [clearings]);
  const lines = useMemo(() => {
    const line = (label: string, style: ChartLine['style'], colour: string, amounts: bigint[]): ChartLine => ({
      ...{ label, style, colour },
      values: amounts.map((wei) => money.number(wei)),
    });
    return [
      line(
        'Price',
        'line',
        '--blue',
        clearings.map(({ priceWei }) => priceWei),
      ),
      line(
        'Cost floor',
        'dashed',
        '--green',
        clearings.map(({ floorWei }) => floorWei),
      ),
      line(
        'Standby fee',
        'dots',
        '--amber',
        clearings.map(({ feeWei }) => feeWei),
      ),
    ];
  }, [clearings, money]);
  if (clearings.length < 2) return null;
  return (
    <section class="panel">
      <h2>Prices against the cost floor</h2>
      <p class="quiet">
        One point for each clearing: the line is the median price, the dashed line the lowest bid that won, which is a
        cost where provers bid honestly, and the dots are the median standby fee.
      </p>
      <Chart
        title="Median price, lowest winning bid and median standby fee of each clearing, over time"
        times={times}
        lines={lines}
        unit={money.unit}
        format={(value) => value.toLocaleString('en', { maximumFractionDigits: 3 })}
      />
      <details>
        <summary>The same in numbers</summary>
        <Table
          caption={
            <>
              Clearings <span class="quiet">newest first ({money.unit})</span>
            </>
          }
          rows={[...clearings].reverse()}
          keyOf={({ atMs }) => String(atMs)}
          empty=""
          columns={[
            { head: 'Cleared', cell: ({ atMs }) => dateTime(atMs) },
            { head: 'Jobs', isNumber: true, cell: ({ sold }) => sold },
            { head: 'Price', isNumber: true, cell: ({ priceWei }) => money.text(priceWei) },
            { head: 'Cost floor', isNumber: true, cell: ({ floorWei }) => money.text(floorWei) },
            { head: 'Standby fee', isNumber: true, cell: ({ feeWei }) => money.text(feeWei) },
          ]}
        />
      </details>
    </section>
  );
}
