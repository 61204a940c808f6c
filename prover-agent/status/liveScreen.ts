import type { ScreenLine, Tone } from './statusLines.js';

/** A terminal to draw on. */
export type Screen = Pick<NodeJS.WriteStream, 'write'> & { columns?: number; rows?: number };

const DEFAULT_SIZE = { columns: 80, rows: 24 } as const;

const ESC = '\x1b[';
/** The terminal shows what is between these at once, so that nothing flickers; one that does not know them ignores them. */
const [BEGIN_FRAME, END_FRAME] = [`${ESC}?2026h`, `${ESC}?2026l`];
const [HIDE_CURSOR, SHOW_CURSOR] = [`${ESC}?25l`, `${ESC}?25h`];
const CLEAR_LINE_END = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

const COLOURS: Readonly<Record<Tone, string>> = { title: '1', plain: '', good: '32', bad: '31', dim: '2' };

/**
 * Draws lines over the ones that were drawn before, in place: only what has changed is written, nothing is cleared first.
 * What stood on the terminal before stays above.
 */
export class LiveScreen {
  readonly #out: Screen;
  readonly #hasColours: boolean;
  #drawn: string[] = [];
  #size = '';

  constructor(out: Screen, hasColours: boolean) {
    this.#out = out;
    this.#hasColours = hasColours;
  }

  /** Shows these lines, cut to the terminal. */
  show(lines: readonly ScreenLine[]): void {
    const { columns = DEFAULT_SIZE.columns, rows = DEFAULT_SIZE.rows } = this.#out;
    const fresh = lines.slice(0, Math.max(1, rows - 1)).map((one) => this.#lineText(one, columns));
    const size = `${columns} ${rows}`;
    const isSame = size === this.#size && fresh.length === this.#drawn.length;
    if (isSame && fresh.every((text, at) => text === this.#drawn[at])) return;
    const isFirst = this.#drawn.length === 0;
    const up = isFirst ? '' : `${ESC}${this.#drawn.length}A`;
    // After a change of the terminal's size lines may have been wrapped: all of them are drawn anew.
    const isKept = (text: string, at: number) => size === this.#size && text === this.#drawn[at];
    const body = fresh.map((text, at) => (isKept(text, at) ? '\n' : `\r${text}${CLEAR_LINE_END}\n`)).join('');
    this.#out.write(`${BEGIN_FRAME}${isFirst ? HIDE_CURSOR : ''}\r${up}${body}${CLEAR_BELOW}${END_FRAME}`);
    this.#drawn = fresh;
    this.#size = size;
  }

  /** Leaves what is shown, and gives the cursor back. */
  end(): void {
    if (this.#drawn.length > 0) this.#out.write(SHOW_CURSOR);
    this.#drawn = [];
  }

  #lineText(one: ScreenLine, columns: number): string {
    // Names and reasons come from others: what a terminal would obey is not for them to say.
    const text = one.text.replaceAll(/\p{Cc}/gu, ' ');
    const cut = text.length > columns - 1 ? `${text.slice(0, Math.max(0, columns - 2))}~` : text;
    const colour = COLOURS[one.tone];
    return this.#hasColours && colour && cut ? `${ESC}${colour}m${cut}${ESC}0m` : cut;
  }
}
