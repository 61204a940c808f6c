import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CANONICAL_DEPTH_MAX,
  CanonicalJsonError,
  canonicalBytes,
  canonicalJson,
  parseCanonicalBytes,
} from '#protocol/log/canonicalJson.js';

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function flawOf(value: unknown): string {
  try {
    canonicalJson(value);
    return 'none';
  } catch (error) {
    if (error instanceof CanonicalJsonError) return `${error.flaw} at ${error.pointer}`;
    throw error;
  }
}

describe('canonicalJson', () => {
  // Source: RFC 8785, section 3.2.2 and its reference test data (github.com/cyberphone/json-canonicalization)
  it('writes the published texts', () => {
    const sample = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(sample))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    const structures = String.raw`{"1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { },
      "111": [ { } ], "A": { }}`;
    expect(canonicalJson(JSON.parse(structures))).toBe(
      String.raw`{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}`,
    );
  });

  it('sorts keys by UTF-16 code units, as the published "weird" sample does', () => {
    const weird = {
      '\u20ac': 'Euro Sign',
      '1': 'One',
      '\u0080': 'Control\u007f',
      '\ud83d\ude02': 'Smiley',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '</script>': 'Browser Challenge',
    };
    expect(canonicalJson(weird)).toBe(
      '{"1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f",' +
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign","\ud83d\ude02":"Smiley",' +
        '"\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
  });

  it('writes minus zero as zero, and bytes as UTF-8', () => {
    expect(canonicalJson(-0)).toBe('0');
    expect(canonicalBytes('€')).toEqual(Uint8Array.of(0x22, 0xe2, 0x82, 0xac, 0x22));
  });

  it('keeps a key named __proto__', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}');
  });

  it('refuses what JSON would drop or bend, and says where', () => {
    const hole = new Array<number>(2);
    hole[0] = 1;
    const flaws: [unknown, string][] = [
      [Number.NaN, 'notFinite at '],
      [{ a: [1, Number.POSITIVE_INFINITY] }, 'notFinite at /a/1'],
      [undefined, 'notJson at '],
      [{ a: undefined }, 'notJson at /a'],
      [[undefined], 'notJson at /0'],
      [hole, 'notJson at /1'],
      [{ priceWei: 1n }, 'notJson at /priceWei'],
      [{ 'a/b': { 'c~': () => 1 } }, 'notJson at /a~1b/c~0'],
      [[Symbol('s')], 'notJson at /0'],
      [{ a: '\ud800' }, 'loneSurrogate at /a'],
      [{ a: 'x\udc00y' }, 'loneSurrogate at /a'],
      [{ '\ud83d': 1 }, 'loneSurrogate at /\ud83d'],
      [{ at: new Date(0) }, 'notPlainObject at /at'],
      [new Map(), 'notPlainObject at '],
      [[new Uint8Array(2)], 'notPlainObject at /0'],
      [{ toJSON: () => 1 }, 'notJson at /toJSON'],
      [Object.assign([1], { toJSON: () => 1 }), 'notPlainObject at '],
      [{ [Symbol('s')]: 1 }, 'symbolKey at '],
    ];
    for (const [value, flaw] of flaws) expect(flawOf(value)).toBe(flaw);
  });

  it('refuses nesting beyond the limit, however deep, and a value that holds itself', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
    expect(flawOf(nested(CANONICAL_DEPTH_MAX))).toBe('none');
    expect(flawOf(nested(CANONICAL_DEPTH_MAX + 1))).toMatch(/^tooDeep/);
    expect(flawOf(nested(20_000))).toMatch(/^tooDeep/);
    const itself: { a?: unknown } = {};
    itself.a = itself;
    expect(flawOf(itself)).toMatch(/^tooDeep/);
  });

  it('depends on the value only, and is read back to it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(flawOf(value) === 'none');
        const bytes = canonicalBytes(value);
        const read = parseCanonicalBytes(bytes);
        expect(read).toEqual({ ok: true, value: JSON.parse(JSON.stringify(value)) });
        expect(canonicalBytes(JSON.parse(JSON.stringify(value, null, 2)))).toEqual(bytes);
      }),
    );
  });
});

describe('parseCanonicalBytes', () => {
  it('refuses the same value written otherwise', () => {
    const texts = ['{"a":1,"a":1}', '{"b":1,"a":2}', '{ "a":1}', '[1.0]', '["\\u0041"]', '1e2', '[]\n', '-0', '1e999'];
    for (const text of texts) expect(parseCanonicalBytes(encode(text))).toEqual({ ok: false, reason: 'notCanonical' });
    expect(parseCanonicalBytes(encode('"\\ud800"'))).toEqual({ ok: false, reason: 'notCanonical' });
  });

  it('refuses what is no JSON or no UTF-8', () => {
    const inputs = [encode(''), encode('{'), encode('\ufeff{}'), Uint8Array.of(0x22, 0xff, 0x22)];
    for (const bytes of inputs) expect(parseCanonicalBytes(bytes)).toEqual({ ok: false, reason: 'notJson' });
  });
});
