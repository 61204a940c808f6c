/** One event of a stream; `id` is the newest that the stream has named, null before the first. */
export interface StreamEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Longest text that may wait for its end, in UTF-16 units: far above the largest entry of the log. */
export const EVENT_CHARS_MAX = 64 * 1024 * 1024;

/**
 * Cuts a Server-Sent Events stream into events, wherever the network cut it into chunks.
 * Source: HTML Living Standard, "Server-sent events", parsing an event stream.
 */
export class EventStreamParser {
  readonly #decoder = new TextDecoder('utf-8');
  /** Text without its line's end; a list, since an event of many chunks would be copied for each of them. */
  #parts: string[] = [];
  #length = 0;
  #afterCr = false;
  #id: string | null = null;
  #placeId: string | null = null;
  #event = '';
  #data: string[] = [];

  /** The newest id that a finished block of lines has named, with or without data: where to go on. */
  get lastId(): string | null {
    return this.#placeId;
  }

  /** Takes a chunk; returns the events that it completes. Throws RangeError when a line or event grows past all measure. */
  push(chunk: Uint8Array): StreamEvent[] {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1);
    if (text.length > 0) this.#afterCr = text.endsWith('\r');
    const lines = text.split(/\r\n|\r|\n/);
    const events: StreamEvent[] = [];
    for (const [i, part] of lines.entries()) {
      this.#grow(part);
      if (i === lines.length - 1) break;
      const line = this.#parts.join('');
      this.#parts = [];
      const event = this.#takeLine(line);
      if (event) events.push(event);
    }
    return events;
  }

  #grow(part: string): void {
    this.#length += part.length;
    if (this.#length > EVENT_CHARS_MAX) throw new RangeError('the event stream sent an event past all measure');
    if (part) this.#parts.push(part);
  }

  #takeLine(line: string): StreamEvent | null {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return null;
  }

  #dispatch(): StreamEvent | null {
    this.#placeId = this.#id;
    const event = { id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#data = [];
    this.#event = '';
    this.#length = 0;
    return isEmpty ? null : event;
  }
}
