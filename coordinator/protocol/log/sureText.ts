/**
 * Tells in one pass over a text that it is the canonical JSON of a value that a schema takes and leaves as it is: nothing is
 * parsed, written again or compared. What is checked is compiled from the schema, which stays the only statement of the rule.
 * "Not sure" is always a right answer: whoever gets it reads the text the slow way, which decides.
 */
import type { z } from 'zod';
import { CANONICAL_DEPTH_MAX } from './canonicalJson.js';
import { type KnownStrings, leafSource } from './leafText.js';

/**
 * Where the value that begins at `at` ends; {@link NOT_SURE} when it may be no canonical text of a value of the schema.
 * `depth` counts the arrays and objects around it.
 */
export type SureReader = (text: string, at: number, depth: number) => number;

export const NOT_SURE = -1;

/** Texts in a row: of a regular expression by its source, or of a reader. */
type Parts = (string | SureReader)[];

/** Arrays of up to so many elements become part of a regular expression; longer ones are read one by one. */
const REGULAR_ARRAY_MAX = 64;

const [COMMA, COLON] = [0x2c, 0x3a];
const [ARRAY_OPEN, ARRAY_CLOSE, OBJECT_OPEN, OBJECT_CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Compiles a schema; of what it does not know it is never sure. */
export function sureReader(schema: z.core.$ZodType, known: KnownStrings): SureReader {
  return readerOf(new Compiler(known).compile(schema));
}

const never: SureReader = () => NOT_SURE;

/** Reads parts in a row. */
function readerOf(parts: Parts): SureReader {
  const readers = merged(parts).map((part) => (typeof part === 'string' ? patternReader(part) : part));
  if (readers.length === 1) return readers[0]!;
  return (text, at, depth) => {
    let end = at;
    for (const read of readers) {
      end = read(text, end, depth);
      if (end === NOT_SURE) return NOT_SURE;
    }
    return end;
  };
}

function patternReader(source: string): SureReader {
  const pattern = new RegExp(source, 'uy');
  return (text, at) => {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : NOT_SURE;
  };
}

/** Makes one regular expression of those that stand side by side. */
function merged(parts: Parts): Parts {
  const rows: Parts = [];
  for (const part of parts) {
    const last = rows.at(-1);
    if (typeof part === 'string' && typeof last === 'string') rows[rows.length - 1] = last + part;
    else rows.push(part);
  }
  return rows;
}

/** The regular expression that parts amount to; null when a reader is among them. */
function sourceOf(parts: Parts): string | null {
  const [only, ...rest] = merged(parts);
  return rest.length === 0 && typeof only === 'string' ? only : null;
}

class Compiler {
  private readonly known: KnownStrings;
  private readonly lazies = new Map<z.core.$ZodType, SureReader>();

  constructor(known: KnownStrings) {
    this.known = known;
  }

  compile(schema: z.core.$ZodType): Parts {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    const leaf = leafSource(schema, this.known);
    if (leaf !== null) return [leaf];
    if (def.type === 'array') return this.array(def);
    if ((def.checks ?? []).length > 0) return [never];
    switch (def.type) {
      case 'nullable':
        return anyOf([['null'], this.compile(def.innerType)]);
      case 'union':
        return isOfDifferentKinds(def) ? anyOf(def.options.map((one) => this.compile(one))) : [never];
      case 'object':
        return this.object(def);
      case 'record':
        return this.record(def);
      case 'lazy':
        return [this.lazy(schema, def)];
      default:
        return [never];
    }
  }

  /** A schema that may hold itself: what is inside finds the reader that is still being made. */
  private lazy(schema: z.core.$ZodType, def: z.core.$ZodLazyDef): SureReader {
    const before = this.lazies.get(schema);
    if (before) return before;
    let read = never;
    const later: SureReader = (text, at, depth) => read(text, at, depth);
    this.lazies.set(schema, later);
    read = readerOf(this.compile(def.getter()));
    return later;
  }

  private array(def: z.core.$ZodArrayDef): Parts {
    const bounds = lengthsOf(def);
    if (!bounds) return [never];
    const element = this.compile(def.element);
    const { min, max } = bounds;
    const source = sourceOf(element);
    if (source === null || max > REGULAR_ARRAY_MAX) return [arrayReader(readerOf(element), bounds)];
    const row = `${source}(?:,${source}){${Math.max(0, min - 1)},${Math.max(0, max - 1)}}`;
    return [min > 0 ? `\\[${row}\\]` : `\\[(?:${row})?\\]`];
  }

  /** A strict object: its members in the order of their names; one that is optional may be missing. */
  private object(def: z.core.$ZodObjectDef): Parts {
    if (def.catchall?._zod.def.type !== 'never') return [never];
    const names = Object.keys(def.shape).toSorted();
    const isOptional = (name: string) => (def.shape[name] as z.core.$ZodTypes)._zod.def.type === 'optional';
    const lastRequired = names.findLastIndex((name) => !isOptional(name));
    if (lastRequired < 0) return [never];
    const parts: Parts = ['\\{'];
    for (const [place, name] of names.entries()) {
      if (!/^[A-Za-z0-9]+$/.test(name)) return [never];
      const { def: inner } = (def.shape[name] as z.core.$ZodTypes)._zod;
      const value = this.compile(inner.type === 'optional' ? inner.innerType : def.shape[name]!);
      // A comma goes with the member that may be missing: behind it, or before it once all that must be there have been.
      const member: Parts = [`${place > lastRequired ? ',' : ''}"${name}":`, ...value];
      if (place < lastRequired) member.push(',');
      const source = sourceOf(member);
      if (inner.type !== 'optional') parts.push(...member);
      else if (source !== null) parts.push(`(?:${source})?`);
      else return [never];
    }
    const whole: Parts = [...parts, '\\}'];
    return sourceOf(whole) === null ? [deeper(readerOf(whole))] : whole;
  }

  /** A record: names in rising order, each once. */
  private record(def: z.core.$ZodRecordDef): Parts {
    const name = leafSource(def.keyType, this.known);
    if (name === null || def.keyType._zod.def.type !== 'string') return [never];
    return [recordReader(patternReader(name), readerOf(this.compile(def.valueType)))];
  }
}

/** True when at most one option can take a value, so that their order does not matter. */
function isOfDifferentKinds(def: z.core.$ZodUnionDef): boolean {
  return 'discriminator' in def || new Set(def.options.map((one) => one._zod.def.type)).size === def.options.length;
}

function anyOf(options: readonly Parts[]): Parts {
  const sources = options.map(sourceOf);
  if (sources.every((source) => source !== null)) return [`(?:${sources.join('|')})`];
  const readers = options.map(readerOf);
  return [
    (text, at, depth) => {
      for (const read of readers) {
        const end = read(text, at, depth);
        if (end !== NOT_SURE) return end;
      }
      return NOT_SURE;
    },
  ];
}

/** Reads something one level further in. */
function deeper(read: SureReader): SureReader {
  return (text, at, depth) => (depth < CANONICAL_DEPTH_MAX ? read(text, at, depth + 1) : NOT_SURE);
}

/** How many elements an array may have; null when it is checked for something else too. */
function lengthsOf(def: z.core.$ZodArrayDef): { min: number; max: number } | null {
  const lengths = { min: 0, max: Number.POSITIVE_INFINITY };
  for (const one of def.checks ?? []) {
    const check = (one as z.core.$ZodChecks)._zod.def;
    if (check.check === 'max_length') lengths.max = Math.min(lengths.max, check.maximum);
    else if (check.check === 'min_length') lengths.min = Math.max(lengths.min, check.minimum);
    else return null;
  }
  return lengths;
}

function arrayReader(element: SureReader, { min, max }: { min: number; max: number }): SureReader {
  return deeper((text, at, depth) => {
    if (text.charCodeAt(at) !== ARRAY_OPEN) return NOT_SURE;
    if (text.charCodeAt(at + 1) === ARRAY_CLOSE) return min === 0 ? at + 2 : NOT_SURE;
    let end = at;
    for (let count = 1; count <= max; count += 1) {
      end = element(text, end + 1, depth);
      const code = end === NOT_SURE ? 0 : text.charCodeAt(end);
      if (code === ARRAY_CLOSE) return count >= min ? end + 1 : NOT_SURE;
      if (code !== COMMA) break;
    }
    return NOT_SURE;
  });
}

/** Of names that zod knows there is one that it drops: `__proto__`. */
function recordReader(name: SureReader, value: SureReader): SureReader {
  return deeper((text, at, depth) => {
    if (text.charCodeAt(at) !== OBJECT_OPEN) return NOT_SURE;
    if (text.charCodeAt(at + 1) === OBJECT_CLOSE) return at + 2;
    let before: string | null = null;
    for (let end = at; ; ) {
      const from = end + 1;
      end = name(text, from, depth);
      if (end === NOT_SURE || text.charCodeAt(end) !== COLON) return NOT_SURE;
      const found = text.slice(from + 1, end - 1);
      if ((before !== null && found <= before) || found === '__proto__') return NOT_SURE;
      before = found;
      end = value(text, end + 1, depth);
      const code = end === NOT_SURE ? 0 : text.charCodeAt(end);
      if (code === OBJECT_CLOSE) return end + 1;
      if (code !== COMMA) return NOT_SURE;
    }
  });
}
