import type { RouteAnswer } from '#protocol/routeCalls.js';
import { shortId } from '../data/proverNames.js';
import { EntryLink } from './links.js';
import { mixedMoneyFormat } from './money.js';
import { Table } from './table.js';
import { dateTime } from './time.js';
import { inWords } from './words.js';

type Posting = RouteAnswer<'listPostings'>['postings'][number];

interface PostingsTableProps {
  postings: readonly Posting[];
  address: string;
  isPaged: boolean;
  onOlder: (() => void) | null;
  onNewest: () => void;
}

/** The newest movements of an account's money, free and bonded. */
export function PostingsTable({ postings, address, isPaged, onOlder, onNewest }: PostingsTableProps) {
  const money = mixedMoneyFormat(postings.map(({ amountWei }) => amountWei));
  const named = (account: string) => {
    if (account === `account:${address}`) return 'free money';
    if (account === `bond:${address}`) return 'bond';
    const [kind, id = ''] = account.split(':');
    return kind === 'outside' ? 'outside' : `${kind === 'account' ? '' : `${kind} `}${shortId(id)}`;
  };
  return (
    <section class="panel">
      <Table
        caption={
          <>
            Movements of money <span class="quiet">newest first ({money.unit})</span>
          </>
        }
        rows={postings}
        keyOf={({ entryIndex, sequence }) => `${entryIndex} ${sequence}`}
        empty="No money has moved here."
        columns={[
          { head: 'Entry', isNumber: true, cell: ({ entryIndex }) => <EntryLink index={entryIndex} /> },
          { head: 'When', cell: ({ atMs }) => dateTime(atMs) },
          { head: 'From', cell: ({ from }) => <span title={from}>{named(from)}</span> },
          { head: 'To', cell: ({ to }) => <span title={to}>{named(to)}</span> },
          { head: 'Why', cell: ({ why }) => inWords(why) },
          { head: 'Amount', isNumber: true, cell: ({ amountWei }) => money.text(amountWei) },
        ]}
      />
      <p class="row">
        {isPaged && (
          <button type="button" onClick={onNewest}>
            Newest
          </button>
        )}
        {onOlder && (
          <button type="button" onClick={onOlder}>
            Older
          </button>
        )}
      </p>
    </section>
  );
}
