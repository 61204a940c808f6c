/**
 * Regular expressions (with the flag `u`) of canonical JSON texts of strings, numbers and words that a schema takes and leaves
 * as they are.
 */
import type { z } from 'zod';

/** Schemas that say too little of themselves, with the texts between the quotation marks that they surely leave as they are. */
export type KnownStrings = ReadonlyMap<z.core.$ZodType, string>;

/** Integers up to here are exact, and written one way. */
const INTEGER_MAX = Number.MAX_SAFE_INTEGER;

/** Printable ASCII but for what JSON escapes: there is one way to write it. */
const PLAIN = '[ !#-\\[\\]-~]';

/** Patterns that match nothing but letters, digits, dots and colons, and are anchored on both sides. */
const PLAIN_PATTERN = /^\^(?:[A-Za-z0-9:]|\\\.|\[[A-Za-z0-9-]+\]|\{[0-9]+(?:,[0-9]+)?\}|[()|?*+])+\$$/;

/**
 * The source of a regular expression that matches only texts of values that the schema gives back unchanged. Not all of them:
 * a longer number, a letter beyond ASCII may be left out. Null for what is no leaf, or is not known.
 */
export function leafSource(schema: z.core.$ZodType, known: KnownStrings): string | null {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const text = known.get(schema);
  if (text !== undefined) return `"${text}"`;
  switch (def.type) {
    case 'string':
      return stringSource(def);
    case 'number':
      return numberSource(def, schema);
    case 'enum':
      return wordsSource(Object.values(def.entries), def.checks);
    case 'literal':
      return wordsSource(def.values, def.checks);
    case 'boolean':
      return wordsSource([true, false], def.checks);
    case 'null':
      return wordsSource([null], def.checks);
    default:
      return null;
  }
}

/** Words as they are written. Enumerations are of plain words only: a test would see others pass by unread. */
function wordsSource(words: readonly unknown[], checks: readonly unknown[] = []): string | null {
  const written = words.map((word) => JSON.stringify(word));
  const isPlain = checks.length === 0 && written.every((word) => /^(?:"[A-Za-z0-9]*"|true|false|null)$/.test(word));
  return isPlain ? `(?:${written.join('|')})` : null;
}

function stringSource({ checks = [] }: z.core.$ZodStringDef): string | null {
  let [min, max, pattern] = [0, Number.POSITIVE_INFINITY, ''];
  for (const one of checks) {
    const check = (one as z.core.$ZodChecks)._zod.def;
    if (check.check === 'max_length') max = Math.min(max, check.maximum);
    else if (check.check === 'min_length') min = Math.max(min, check.minimum);
    else if (check.check === 'string_format' && check.format === 'regex' && pattern === '')
      pattern = plainPattern(check);
    else return null;
    if (check.check === 'string_format' && pattern === '') return null;
  }
  const length = `{${min},${Number.isFinite(max) ? max : ''}}`;
  return pattern === '' ? `"${PLAIN}${length}"` : `"(?=${PLAIN}${length}")(?:${pattern})"`;
}

/** A pattern without its anchors; empty when it may match what JSON writes in another way. */
function plainPattern({ pattern }: { pattern?: RegExp | undefined }): string {
  if (!pattern || pattern.flags !== '' || !PLAIN_PATTERN.test(pattern.source)) return '';
  return pattern.source.slice(1, -1);
}

function numberSource(def: z.core.$ZodNumberDef, schema: z.core.$ZodType): string | null {
  let [min, max] = [-INTEGER_MAX, INTEGER_MAX];
  for (const one of [...(def.checks ?? []), ...(schema._zod.traits.has('$ZodCheck') ? [schema] : [])]) {
    const check = (one as z.core.$ZodChecks)._zod.def;
    if (check.check === 'less_than' && check.inclusive) max = Math.min(max, Number(check.value));
    else if (check.check === 'greater_than' && check.inclusive) min = Math.max(min, Number(check.value));
    else if (check.check !== 'number_format' || check.format !== 'safeint') return null;
  }
  if (min >= 0) return min === 0 ? upTo(max) : `(?!${upTo(min - 1)})${upTo(max)}`;
  return min === -INTEGER_MAX ? `(?:${upTo(max)}|-[1-9][0-9]{0,14}(?![0-9]))` : null;
}

/** Whole numbers from 0 to `max`, and no more digits behind them. */
function upTo(max: number): string {
  const digits = `${max}`;
  const options = ['0', digits];
  if (digits.length > 1) options.push(`[1-9][0-9]{0,${digits.length - 2}}`);
  for (const [place, digit] of [...digits].entries()) {
    const least = place === 0 ? 1 : 0;
    const rest = digits.length - 1 - place;
    if (Number(digit) > least) options.push(`${digits.slice(0, place)}[${least}-${Number(digit) - 1}][0-9]{${rest}}`);
  }
  return `(?:${options.join('|')})(?![0-9])`;
}
