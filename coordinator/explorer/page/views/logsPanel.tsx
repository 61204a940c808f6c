import { useEffect, useState } from 'preact/hooks';
import { keyIdText, parseVerifierKey } from '#protocol/log/verifierKey.js';
import type { LogView } from '#protocol/logLink.js';
import { checkLink, type Link } from '../check/logLinks.js';
import type { LogWatch } from '../check/logWatch.js';
import { client } from '../data/client.js';
import { useData } from '../data/useData.js';
import { EntryLink, Label } from '../parts/links.js';
import { Table } from '../parts/table.js';

/** Newest logs whose links are checked: each takes some requests. */
const LINKS_MAX = 20;

/** A while after which a check that got no answer is tried again, in milliseconds. */
const RETRY_MS = 2_000;

/** The logs of a market that has had more than one, and how each follows the one before. */
export function LogsPanel({ watch }: { watch: LogWatch }) {
  const listed = useData(
    'logs',
    async () => (await client.call('listLogs', {})).logs,
    ({ type }) => type === 'logOpened' || type === 'logClosed',
  );
  const logs = listed.value ?? [];
  const links = useLinks(watch, logs);
  if (logs.length < 2 && !logs[0]?.isAnnounced) return null;
  return (
    <section class="panel">
      <Table
        caption="Logs of this market"
        columns={[
          { head: 'Log', cell: ({ origin }) => <Label text={origin} /> },
          { head: 'Key', cell: ({ logKey }) => <span class="mono">{keyOf(logKey)}</span> },
          { head: 'First entry', isNumber: true, cell: ({ firstIndex }) => <EntryLink index={firstIndex} /> },
          {
            head: 'How it follows',
            isText: true,
            cell: ({ number }) => <Follows number={number} logs={logs} links={links} />,
          },
        ]}
        rows={[...logs].reverse()}
        keyOf={({ logKey }) => logKey}
        empty=""
      />
      {logs.at(-1)?.isAnnounced && (
        <p class="warn">
          The log is closed: nothing more is taken here. Its last entry says who carries the market on.
        </p>
      )}
    </section>
  );
}

function Follows({ number, logs, links }: { number: number; logs: LogView[]; links: ReadonlyMap<number, Link> }) {
  const link = links.get(number);
  if (number === 0) return <>the first log</>;
  const cause = logs[number - 1]!.followedBy === 'import' ? 'carried on by another operator' : 'a rotation';
  if (!link)
    return <span class="quiet">{number < logs.length - LINKS_MAX ? `${cause}; not checked` : 'checking…'}</span>;
  if (link.word === null) return <strong class="bad">✕ {link.fault}</strong>;
  const words =
    link.word === 'both' ? 'the log before was closed for it; checked here' : 'checked here; its operator’s word alone';
  return (
    <>
      <span class={link.word === 'both' ? 'good' : 'warn'}>{link.word === 'both' ? '✓' : '!'}</span> {cause}: {words}
    </>
  );
}

/** Checks the newest links one after the other; what was checked stays so. */
function useLinks(watch: LogWatch, logs: readonly LogView[]): ReadonlyMap<number, Link> {
  const [links, setLinks] = useState<ReadonlyMap<number, Link>>(new Map());
  const count = logs.length;
  useEffect(() => {
    let isWanted = true;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const checkFrom = async (number: number): Promise<void> => {
      if (number < Math.max(1, count - LINKS_MAX)) return;
      const link = await checkLink(watch, number).catch(() => null);
      if (!isWanted) return;
      if (link) setLinks((was) => new Map(was).set(number, link));
      if (link) await checkFrom(number - 1);
      else retry = setTimeout(() => void checkFrom(number), RETRY_MS);
    };
    void checkFrom(count - 1);
    return () => {
      isWanted = false;
      clearTimeout(retry);
    };
  }, [watch, count]);
  return links;
}

function keyOf(logKey: string): string {
  const key = parseVerifierKey(logKey);
  return key ? keyIdText(key.keyId) : 'no key';
}
