import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { More } from './more.js';

/** Rows that are drawn at first, and with each asking for more. */
const STEP = 100;

export interface Column<Row> {
  head: string;
  /** Right-aligned, for what is compared by its digits. */
  isNumber?: boolean;
  /** May break into lines. */
  isText?: boolean;
  cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  caption: ComponentChildren;
  columns: readonly (Column<Row> | false | null)[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** Said instead of the table when there are no rows. */
  empty: string;
  classOf?: (row: Row) => string | undefined;
}

/** A table that scrolls by itself where it is too wide, and is drawn by and by where it is long. */
export function Table<Row>({ caption, columns, rows, keyOf, empty, classOf }: TableProps<Row>) {
  const [count, setCount] = useState(STEP);
  const shown = columns.filter((one) => one !== false && one !== null);
  if (rows.length === 0) {
    return (
      <>
        <h2>{caption}</h2>
        <p class="quiet">{empty}</p>
      </>
    );
  }
  return (
    <div class="scroll">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {shown.map(({ head, isNumber }) => (
              <th key={head} scope="col" class={isNumber ? 'n' : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, count).map((row) => (
            <tr key={keyOf(row)} class={classOf?.(row)}>
              {shown.map(({ head, isNumber, isText, cell }) => (
                <td key={head} class={isNumber ? 'n' : isText ? 'text' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <More shown={count} of={rows.length} onMore={() => setCount(count + STEP)} />
    </div>
  );
}
