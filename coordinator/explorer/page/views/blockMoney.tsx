import type { PostingGroup } from '#protocol/browseViews.js';
import { EntryLink, ProverName } from '../parts/links.js';
import { moneyFormat } from '../parts/money.js';
import { Table } from '../parts/table.js';
import { inWords } from '../parts/words.js';

/** Where the money of a block went: sums of its postings, the largest first. */
export function BlockMoney({ postings, requester }: { postings: readonly PostingGroup[]; requester: string }) {
  const money = moneyFormat(postings.map(({ amountWei }) => amountWei));
  const account = (name: string) => {
    const [kind, address = ''] = name.split(':');
    if (kind === 'escrow') return 'escrow';
    if (kind !== 'account' && kind !== 'bond') return name;
    const whose = address === requester ? 'requester' : <ProverName address={address} />;
    return kind === 'bond' ? <>bond of {whose}</> : whose;
  };
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Where the money went <span class="quiet">({money.unit})</span>
          </>
        }
        rows={postings}
        keyOf={({ from, to, why }) => `${from} ${to} ${why}`}
        empty="No money has moved yet."
        columns={[
          { head: 'From', cell: ({ from }) => <span title={from}>{account(from)}</span> },
          { head: 'To', cell: ({ to }) => <span title={to}>{account(to)}</span> },
          { head: 'Why', cell: ({ why }) => inWords(why) },
          {
            head: 'Amount',
            isNumber: true,
            cell: ({ amountWei }) => <span title={`${amountWei} wei`}>{money.text(amountWei)}</span>,
          },
          {
            head: 'Entries',
            isNumber: true,
            cell: ({ firstIndex, lastIndex, count }) =>
              firstIndex === lastIndex ? (
                <EntryLink index={firstIndex} />
              ) : (
                <span title={`${count} postings`}>
                  <EntryLink index={firstIndex} />–<EntryLink index={lastIndex} />
                </span>
              ),
          },
        ]}
      />
    </section>
  );
}
