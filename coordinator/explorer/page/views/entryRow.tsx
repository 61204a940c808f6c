import { useEffect, useRef, useState } from 'preact/hooks';
import type { EntryCheck } from '../check/checkEntry.js';
import { EntryLink } from '../parts/links.js';
import { clockTime, dateTime } from '../parts/time.js';
import { EntryWords } from './entryWords.js';

/** One entry of the log: its check, what it says in a few words, and the very bytes when opened. */
export function EntryRow({
  index,
  leaf,
  check,
  isHere,
}: {
  index: number;
  leaf: string;
  check: EntryCheck | undefined;
  isHere: boolean;
}) {
  const [isOpen, setIsOpen] = useState(isHere);
  const place = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (!isHere) return;
    setIsOpen(true);
    place.current?.scrollIntoView({ block: 'center' });
  }, [isHere]);
  const entry = read(leaf);
  const classes = check?.ok === false ? 'bad-row' : isHere ? 'here' : undefined;
  const row = (
    <tr ref={place} class={classes} data-entry={index}>
      <td class="n">
        <EntryLink index={index} />
      </td>
      <td>
        {entry ? (
          <>
            <span class="date">{dateTime(entry.atMs).slice(0, 10)} </span>
            {clockTime(entry.atMs)}
          </>
        ) : (
          '–'
        )}
      </td>
      <td>
        <Verdict check={check} />
      </td>
      <td>
        <button type="button" class="plain mono" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
          {isOpen ? '▾' : '▸'} {entry?.type ?? 'not an entry'}
        </button>
      </td>
      <td class="text">{entry && <EntryWords entry={entry} />}</td>
    </tr>
  );
  if (!isOpen) return row;
  return (
    <>
      {row}
      <tr>
        <td colSpan={5} class="bytes">
          <Bytes leaf={leaf} check={check} />
        </td>
      </tr>
    </>
  );
}

function Verdict({ check }: { check: EntryCheck | undefined }) {
  if (!check) return <span class="quiet">checking…</span>;
  if (!check.ok) return <strong class="bad">✕ NO</strong>;
  return <span class="good">✓ yes</span>;
}

function Bytes({ leaf, check }: { leaf: string; check: EntryCheck | undefined }) {
  return (
    <>
      {check && !check.ok && <p class="bad">{check.fault}</p>}
      {check?.ok && !check.isKnown && (
        <p class="warn">This page does not know entries of this type, so what it says was not looked at. Reload it.</p>
      )}
      {check && (
        <p class="quiet wrap">
          Leaf hash <span class="mono">{check.leafHash}</span>
          {check.ok && (
            <>
              , proven by {check.pathLength} hashes to be in the tree of {check.treeSize} entries
            </>
          )}
        </p>
      )}
      <pre>{pretty(leaf)}</pre>
    </>
  );
}

function read(leaf: string): { type: string; atMs: number } | null {
  try {
    const entry = JSON.parse(leaf) as { type?: unknown; atMs?: unknown };
    return typeof entry.type === 'string' && typeof entry.atMs === 'number'
      ? (entry as { type: string; atMs: number })
      : null;
  } catch {
    return null;
  }
}

function pretty(leaf: string): string {
  try {
    return JSON.stringify(JSON.parse(leaf), null, 1);
  } catch {
    return leaf;
  }
}
