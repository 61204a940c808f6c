import canonicalizeModule from 'canonicalize';

// The package is CommonJS; its types speak of a default export that Node hands over as the module itself.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** Deepest nesting of arrays and objects that has a canonical text; beyond it recursion could exhaust the stack. */
export const CANONICAL_DEPTH_MAX = 64;

/** Why a value has no canonical text. */
export type CanonicalJsonFlaw = 'notFinite' | 'notJson' | 'loneSurrogate' | 'notPlainObject' | 'symbolKey' | 'tooDeep';

/**
 * Thrown for a value that RFC 8785 cannot express without losing something.
 * `pointer` is the RFC 6901 JSON pointer of the offending value ('' is the whole), `flaw` says what is wrong with it.
 */
export class CanonicalJsonError extends Error {
  override readonly name = 'CanonicalJsonError';
  readonly flaw: CanonicalJsonFlaw;
  readonly pointer: string;

  constructor(flaw: CanonicalJsonFlaw, pointer: string) {
    super(`No canonical JSON for the value at "${pointer}": ${flaw}.`);
    this.flaw = flaw;
    this.pointer = pointer;
  }
}

interface FoundFlaw {
  flaw: CanonicalJsonFlaw;
  /** Keys from the innermost to the outermost. */
  keys: string[];
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The RFC 8785 text of a JSON value: one text for one value, so that every machine hashes the same bytes.
 * Stricter than JSON.stringify: what that would drop or bend is refused here. An absent field is left out by its
 * author, not written as undefined; money is a decimal string, not a bigint.
 *
 * @param value - null, boolean, finite number, well-formed string, or arrays and plain objects of these
 * @throws CanonicalJsonError naming the place: NaN or infinity, undefined, bigint, function, symbol, array hole,
 *   lone surrogate, class instance (Date, Map, Uint8Array), more than CANONICAL_DEPTH_MAX levels
 * Source: RFC 8785; I-JSON, RFC 7493
 */
export function canonicalJson(value: unknown): string {
  const found = findFlaw(value, 0);
  if (found) throw new CanonicalJsonError(found.flaw, found.keys.reverse().map(pointerPart).join(''));
  return canonicalize(value) as string;
}

/**
 * The UTF-8 bytes of canonicalJson(value): what a log entry's leaf hash covers.
 *
 * @throws CanonicalJsonError as canonicalJson does
 */
export function canonicalBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

/**
 * Reads bytes that claim to be canonical JSON, as an auditor must: a text that parses to the same value but is
 * written otherwise (spaces, key order, a repeated key, 1.0 for 1) is no entry of this log.
 *
 * @param bytes - one entry, UTF-8
 * @returns the value; or why there is none: `notJson` (no UTF-8 or no JSON) or `notCanonical`
 */
export function parseCanonicalBytes(
  bytes: Uint8Array,
): { ok: true; value: unknown } | { ok: false; reason: 'notJson' | 'notCanonical' } {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'notJson' };
  }
  if (findFlaw(value, 0) || canonicalize(value) !== text) return { ok: false, reason: 'notCanonical' };
  return { ok: true, value };
}

function findFlaw(value: unknown, depth: number): FoundFlaw | undefined {
  switch (typeof value) {
    case 'string':
      return LONE_SURROGATE.test(value) ? { flaw: 'loneSurrogate', keys: [] } : undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { flaw: 'notFinite', keys: [] };
    case 'boolean':
      return undefined;
    case 'object':
      if (value === null) return undefined;
      if (depth >= CANONICAL_DEPTH_MAX) return { flaw: 'tooDeep', keys: [] };
      return Array.isArray(value) ? findFlawInArray(value, depth) : findFlawInObject(value, depth);
    default:
      return { flaw: 'notJson', keys: [] };
  }
}

function findFlawInArray(items: readonly unknown[], depth: number): FoundFlaw | undefined {
  if ('toJSON' in items) return { flaw: 'notPlainObject', keys: [] };
  for (let i = 0; i < items.length; i++) {
    const found = findFlaw(items[i], depth + 1);
    if (found) return { flaw: found.flaw, keys: [...found.keys, String(i)] };
  }
  return undefined;
}

function findFlawInObject(value: object, depth: number): FoundFlaw | undefined {
  const prototype = Object.getPrototypeOf(value);
  // Objects of another realm (a worker's or a test runner's) have another Object.prototype: it has no parent either.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return { flaw: 'notPlainObject', keys: [] };
  if (Object.getOwnPropertySymbols(value).length > 0) return { flaw: 'symbolKey', keys: [] };
  for (const key of Object.keys(value)) {
    const flaw = LONE_SURROGATE.test(key) ? { flaw: 'loneSurrogate' as const, keys: [] } : undefined;
    const found = flaw ?? findFlaw((value as Record<string, unknown>)[key], depth + 1);
    if (found) return { flaw: found.flaw, keys: [...found.keys, key] };
  }
  return undefined;
}

function pointerPart(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
