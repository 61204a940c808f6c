/** Tells quickly that a text is the canonical JSON of its value; what is not sure goes the slow way. */
import { CANONICAL_DEPTH_MAX, canonicalJson } from '#protocol/log/canonicalJson.js';

/**
 * True when `text` is the one canonical text of `value`, which was parsed from it. JSON.stringify writes primitives as
 * RFC 8785 does and keeps the order of keys: a text that it gives back, whose keys are sorted, is canonical.
 */
export function isCanonicalText(text: string, value: unknown): boolean {
  const isSure = !text.includes('\\ud') && JSON.stringify(value) === text && isSorted(value, 0);
  return isSure || canonicalJson(value) === text;
}

function isSorted(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= CANONICAL_DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((one) => isSorted(one, depth + 1));
  let before = '';
  for (const key in value) {
    if (key < before) return false;
    before = key;
    if (!isSorted((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}
