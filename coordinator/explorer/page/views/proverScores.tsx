import type { ScoresView, ScoreView } from '#protocol/views.js';
import { client } from '../data/client.js';
import { shortId } from '../data/proverNames.js';
import { useData } from '../data/useData.js';
import { Table } from '../parts/table.js';
import { duration, percent } from '../parts/time.js';

const FLAWS = { onTime: 'on-time rate', latency: 'latency', reachable: 'reachability' };

/** The market's judgement of a prover with all that it is calculated from, and the line that it is held against. */
export function ProverScores({ address }: { address: string }) {
  const loaded = useData(
    `scores ${address}`,
    () => client.call('getScores', { params: { address } }),
    ({ type }) => type === 'proofAccepted' || type === 'jobExpired',
  );
  const { value } = loaded;
  if (!value) return null;
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Score <span class="quiet">by circuit, from the log alone</span>
          </>
        }
        rows={value.scores}
        keyOf={({ circuitId }) => circuitId}
        empty="No assignment of this prover has ended yet."
        columns={[
          {
            head: 'Circuit',
            cell: ({ circuitId }) => (
              <span class="mono" title={circuitId}>
                {shortId(circuitId)}
              </span>
            ),
          },
          { head: 'May win', cell: Verdict },
          { head: 'Ended', isNumber: true, cell: ({ outcomes }) => outcomes },
          { head: 'Had to prove', isNumber: true, cell: ({ proven }) => proven },
          { head: 'Delivered', isNumber: true, cell: ({ delivered }) => delivered },
          { head: 'Within the promise', isNumber: true, cell: ({ onTime, onTimePpm }) => share(onTime, onTimePpm) },
          {
            head: 'Median of the promised time',
            isNumber: true,
            cell: ({ latencyPct, outliers }) => (
              <span title={`without ${outliers} outliers`}>{latencyPct === null ? '–' : `${latencyPct}\u2009%`}</span>
            ),
          },
          { head: 'Reachable', isNumber: true, cell: ({ reachable, reachablePpm }) => share(reachable, reachablePpm) },
        ]}
      />
      <Line line={value.line} />
    </section>
  );
}

function Verdict({ isEligible, flaws }: ScoreView) {
  if (isEligible) return <span class="good">✓ yes</span>;
  return <span class="bad">✕ no: {flaws.map((flaw) => FLAWS[flaw]).join(', ')}</span>;
}

function share(count: number, ppm: number | null): string {
  return ppm === null ? '–' : `${count} (${percent(ppm / 1e6, 0)})`;
}

function Line({ line }: { line: ScoresView['line'] }) {
  return (
    <p class="quiet">
      The line: from {line.scoreOutcomesMin} ended assignments on, at least {percent(line.scoreOnTimePpmMin / 1e6, 0)}{' '}
      within the promise, a median of at most {line.scoreLatencyPctMax} % of the promised time,{' '}
      {percent(line.scoreReachablePpmMin / 1e6, 0)} reachable; of the newest {line.outcomesMax} within{' '}
      {duration(line.recordWindowMs)}.
    </p>
  );
}
