import type { Escalation, EscalationCounts } from '#protocol/escalation.js';
import { Table } from '../parts/table.js';
import { inWords } from '../parts/words.js';

const NEXT = { round: 'another round', pool: 'the pool', expiry: 'the end, with a refund' };

/** What counted bids and commitments came to, where the code alone does not say it. */
const COUNTS: Partial<Record<keyof EscalationCounts, string>> = {
  won: 'won',
  expired: 'expired',
  ineligible: 'not eligible',
  aboveMaxPrice: 'above the max price',
  notInTime: 'not in time',
  noBond: 'without money for the bond',
  newcomerHolds: 'newcomers with a job already',
  shareCap: 'over the owner’s share',
  demandUnmet: 'short of a demand',
  outbid: 'outbid',
  notWorthIt: 'not worth their cost',
  commits: 'commitments to the pool',
  unrevealed: 'never revealed',
  invalid: 'invalid',
};

/** Where the jobs that a round did not sell went, and why. */
export function Escalations({ escalations }: { escalations: readonly Escalation[] }) {
  if (escalations.length === 0) return null;
  return (
    <section class="panel">
      <Table
        caption="Where unsold jobs went"
        rows={escalations}
        keyOf={({ next }) => next}
        empty=""
        columns={[
          { head: 'To', cell: ({ next }) => NEXT[next] },
          { head: 'Jobs', isNumber: true, cell: ({ jobIds }) => jobIds.length },
          {
            head: 'Why',
            isText: true,
            cell: ({ reasons }) => reasons.map(({ reason, jobs }) => `${inWords(reason)} (${jobs})`).join('; '),
          },
          { head: 'Bids', isNumber: true, cell: ({ counts }) => counts.bids },
          { head: 'Of these', isText: true, cell: ({ counts }) => countsInWords(counts) },
        ]}
      />
    </section>
  );
}

function countsInWords(counts: EscalationCounts): string {
  const told = (Object.keys(COUNTS) as (keyof EscalationCounts)[]).filter((key) => counts[key] > 0);
  return told.map((key) => `${counts[key]} ${COUNTS[key]}`).join(', ') || '–';
}
