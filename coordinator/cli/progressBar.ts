/** Columns of the bar itself. */
const BAR_COLUMNS = 24;

/** Columns of a terminal that does not say how wide it is. */
const DEFAULT_COLUMNS = 80;

/** Where a bar is drawn: standard error, which is not taken for the command's answer. */
type Terminal = Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean; columns?: number };

/** One line of progress that is drawn over itself. Where there is no terminal, nothing is drawn. */
export class ProgressBar {
  readonly #out: Terminal;
  #drawn = '';

  constructor(out: Terminal) {
    this.#out = out;
  }

  get isVisible(): boolean {
    return this.#out.isTTY === true;
  }

  /** Draws the bar. @param share - from 0 to 1 */
  show(share: number, text: string): void {
    if (!this.isVisible) return;
    const line = barLine(share, text, this.#out.columns ?? DEFAULT_COLUMNS);
    if (line === this.#drawn) return;
    this.#out.write(`\r${line}\x1b[K`);
    this.#drawn = line;
  }

  /** Takes the bar away, so that other lines can be written. */
  clear(): void {
    if (this.#drawn === '') return;
    this.#out.write('\r\x1b[K');
    this.#drawn = '';
  }
}

/** The text of a bar, cut to the terminal's width. Pure. */
export function barLine(share: number, text: string, columns: number): string {
  const bounded = Math.min(1, Math.max(0, share));
  const full = Math.floor(bounded * BAR_COLUMNS);
  const percent = `${Math.floor(bounded * 100)}`.padStart(3);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_COLUMNS - full)}] ${percent} %  ${text}`.slice(
    0,
    Math.max(1, columns - 1),
  );
}
