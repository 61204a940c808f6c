import { useEffect, useRef, useState } from 'preact/hooks';
import type { RouteAnswer } from '#protocol/routeCalls.js';
import { checkEntry, type EntryCheck } from '../check/checkEntry.js';
import type { LogWatch } from '../check/logWatch.js';
import { client } from '../data/client.js';
import { hrefs } from '../data/place.js';
import { useData } from '../data/useData.js';
import { useLive } from '../data/useLive.js';
import { Notice } from '../parts/notice.js';
import { CheckpointPanel } from './checkpointPanel.js';
import { EntryRow } from './entryRow.js';
import { LogsPanel } from './logsPanel.js';

/** Entries of one window: each is proven to be in the tree, which takes a request. */
export const WINDOW = 40;

/** A while after which a check that got no answer is tried again, in milliseconds. */
const RETRY_MS = 2_000;

/** Checks under way at once. */
const CHECKS_AT_ONCE = 4;

type Row = RouteAnswer<'listEntries'>['entries'][number];

/** The log: its checkpoint, and a window of entries, each checked against it in this browser. */
export function LogView({ index, watch }: { index: number | null; watch: LogWatch }) {
  const { size } = useLive();
  const last = Math.max(0, (size ?? 0) - 1);
  // A named entry stands in the middle of its window; without one the window is the end of the log.
  const end = Math.max(0, last - WINDOW + 1);
  const from = index === null ? end : Math.max(0, Math.min(end, index - WINDOW / 2));
  const loaded = useData(
    `entries ${from}`,
    () => client.call('listEntries', { query: { from, limit: WINDOW } }),
    // Entries do not change; a window at the end of a short log fills up.
    (entry) => entry.index < from + WINDOW,
  );
  const kept = useRef<Row[]>([]);
  if (loaded.value) kept.current = loaded.value.entries;
  const rows = kept.current;
  const checks = useChecks(watch, rows);
  const isMissing = index !== null && loaded.value !== null && !rows.some((row) => row.index === index);
  return (
    <>
      <header>
        <h1>Log</h1>
      </header>
      <CheckpointPanel watch={watch} />
      <LogsPanel watch={watch} />
      <section class="panel">
        <Steps index={index} from={from} last={last} />
        {isMissing && <p class="warn">There is no entry {index} yet.</p>}
        {rows.length === 0 ? (
          <Notice of={loaded} what="the entries" />
        ) : (
          <Entries rows={rows} checks={checks} here={index} />
        )}
        <Steps index={index} from={from} last={last} />
      </section>
    </>
  );
}

function Entries({
  rows,
  checks,
  here,
}: {
  rows: Row[];
  checks: ReadonlyMap<string, EntryCheck>;
  here: number | null;
}) {
  const broken = rows.filter((row) => checks.get(keyOf(row))?.ok === false).length;
  return (
    <>
      {broken > 0 && (
        <p class="bad" role="alert">
          <strong>
            {broken} of these entries {broken === 1 ? 'is' : 'are'} not what the signed log holds.
          </strong>
        </p>
      )}
      <div class="scroll">
        <table>
          <caption class="hidden">Entries, newest first</caption>
          <thead>
            <tr>
              <th scope="col" class="n">
                Entry
              </th>
              <th scope="col">When</th>
              <th scope="col">In the tree</th>
              <th scope="col">Type</th>
              <th scope="col">About</th>
            </tr>
          </thead>
          <tbody>
            {[...rows].reverse().map((row) => (
              <EntryRow key={row.index} {...row} check={checks.get(keyOf(row))} isHere={row.index === here} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Moves over the log by windows; the end of the log follows what comes. */
function Steps({ index, from, last }: { index: number | null; from: number; last: number }) {
  const middle = (start: number) => Math.max(0, start) + WINDOW / 2;
  return (
    <nav class="row" aria-label="Windows of the log">
      <a class="button" href={hrefs.log()} aria-current={index === null ? 'page' : undefined}>
        Newest
      </a>
      {from + WINDOW <= last && (
        <a class="button" href={hrefs.log(Math.min(last, middle(from + WINDOW)))}>
          ← Newer
        </a>
      )}
      {from > 0 && (
        <a class="button" href={hrefs.log(middle(from - WINDOW))}>
          Older →
        </a>
      )}
      <a class="button" href={hrefs.log(0)}>
        First
      </a>
      <span class="quiet">
        {from} to {Math.min(last, from + WINDOW - 1)} of {last + 1} entries
      </span>
    </nav>
  );
}

const keyOf = ({ index, leaf }: Row) => `${index} ${leaf.length} ${leaf}`;

/** Checks rows one after the other, some at once; what was checked stays so. */
function useChecks(watch: LogWatch, rows: readonly Row[]): ReadonlyMap<string, EntryCheck> {
  const [checks, setChecks] = useState<ReadonlyMap<string, EntryCheck>>(new Map());
  const done = useRef(new Set<string>());
  useEffect(() => {
    let isWanted = true;
    const waiting = [...rows].reverse().filter((row) => !done.current.has(keyOf(row)));
    const work = async () => {
      for (let row = waiting.shift(); row && isWanted; row = waiting.shift()) {
        const key = keyOf(row);
        const check = await checkEntry(watch, row.index, row.leaf).catch(() => null);
        if (!isWanted) return;
        if (!check) {
          waiting.push(row);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
          continue;
        }
        done.current.add(key);
        setChecks((was) => new Map([...was].slice(-WINDOW * 2)).set(key, check));
      }
    };
    for (let worker = 0; worker < CHECKS_AT_ONCE; worker += 1) void work();
    return () => {
      isWanted = false;
    };
  }, [rows, watch]);
  return checks;
}
