import type { PostingGroup } from '#protocol/browseViews.js';
import { EntryLink } from '../parts/links.js';
import { moneyFormat } from '../parts/money.js';
import { Table } from '../parts/table.js';
import { inWords } from '../parts/words.js';

/** Where the money of a block went: sums of its postings, the largest first. */
export function BlockMoney({
  postings,
  requester,
  nameOf,
}: {
  postings: readonly PostingGroup[];
  requester: string;
  nameOf: (address: string) => string;
}) {
  const money = moneyFormat(postings.map(({ amountWei }) => amountWei));
  const account = (name: string) => {
    const [kind, address = ''] = name.split(':');
    if (kind === 'escrow') return 'escrow';
    if (kind === 'bond') return `bond of ${nameOf(address)}`;
    return address === requester ? 'requester' : kind === 'account' ? nameOf(address) : name;
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
