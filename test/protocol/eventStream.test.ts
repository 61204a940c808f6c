import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventStreamParser, type StreamEvent } from '#protocol/eventStream.js';

const parse = (chunks: readonly Uint8Array[]) => {
  const parser = new EventStreamParser();
  return { events: chunks.flatMap((chunk) => parser.push(chunk)), lastId: parser.lastId };
};
const encode = (text: string) => new TextEncoder().encode(text);

describe('the event stream parser', () => {
  it('reads ids, types, several lines of data, comments and fields without a value', () => {
    const text = ': hello\nretry: 1000\n\nid: 7\nevent: roundOpened\ndata: a\ndata:b\n\ndata\n\nid: 9\n\n:\n\ndata: c';
    const { events, lastId } = parse([encode(text)]);
    expect(events).toEqual([
      { id: '7', event: 'roundOpened', data: 'a\nb' },
      { id: '7', event: 'message', data: '' },
    ]);
    expect(lastId).toBe('9');
  });

  it('does not name a place before the block that names it is finished', () => {
    expect(parse([encode('id: 3\ndata: x\n')])).toEqual({ events: [], lastId: null });
  });

  const line = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\r\n\0]/.test(text));
  const event = fc.record({ id: fc.nat(), lines: fc.array(line, { minLength: 1, maxLength: 3 }) });
  const ends = fc.constantFrom('\n', '\r\n', '\r');

  it('finds the same events wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 6 }),
        ends,
        fc.array(fc.nat(400), { maxLength: 12 }),
        (list, end, cuts) => {
          const text = list.map(({ id, lines }) =>
            [`id: ${id}`, ': comment', ...lines.map((data) => `data: ${data}`), '', ''].join(end),
          );
          const bytes = encode(text.join(''));
          const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
          const chunks = places.slice(1).map((place, i) => bytes.subarray(places[i], place));
          const expected: StreamEvent[] = list.map(({ id, lines }) => {
            return { id: `${id}`, event: 'message', data: lines.join('\n') };
          });
          expect(parse(chunks).events).toEqual(expected);
        },
      ),
    );
  });
});
