/**
 * Reads an entry as the log has it: a text that is the canonical JSON of an entry of one of the schemas, and nothing else.
 * The one place that says so, for auditors, mirrors and whoever else reads a log.
 */
import type { z } from 'zod';
import { ENTRY_SCHEMAS, type Entry, parseEntry } from './entries.js';
import { canonicalJson } from './log/canonicalJson.js';
import { type SureReader, sureReader } from './log/sureText.js';
import { giveUpDetailSchema } from './messages.js';
import { addressSchema, bytes32Schema, labelSchema, signatureSchema } from './units.js';

const TYPE_LEAD = '"type":"';

/** Printable text but for what JSON escapes. */
const PRINTABLE = '(?:(?!["\\\\])[\\p{L}\\p{N}\\p{P}\\p{S} ])';

/** Of these schemas it is not seen what they leave as it is: they end in a function, or speak of kinds of letters. */
const KNOWN_STRINGS = new Map<z.core.$ZodType, string>([
  [addressSchema, '0x[0-9a-f]{40}'],
  [bytes32Schema, '0x[0-9a-f]{64}'],
  [signatureSchema, '0x[0-9a-f]{130}'],
  [labelSchema, `${PRINTABLE}{1,64}`],
  [giveUpDetailSchema, `${PRINTABLE}{0,256}`],
]);

/**
 * Longest text that is read the slow way, in UTF-16 code units. The schemas collect every flaw that they find: of a text of
 * megabytes that is made of flaws there would be gigabytes. Entries that may be long are told the quick way.
 */
const SLOW_TEXT_MAX = 262_144;

const readers = new Map<string, SureReader>(
  Object.entries(ENTRY_SCHEMAS).map(([type, schema]) => [type, sureReader(schema, KNOWN_STRINGS)]),
);

/**
 * True when a text is surely an entry: {@link readEntryText} would give back what JSON.parse makes of it. False says nothing:
 * an entry with an escaped character in a message for people is one too, and read the slow way.
 */
export function isSurelyEntry(text: string): boolean {
  const lead = text.lastIndexOf(TYPE_LEAD);
  const type = text.slice(lead + TYPE_LEAD.length, text.indexOf('"', lead + TYPE_LEAD.length));
  const reader = readers.get(type);
  return reader !== undefined && reader(text, 0, 0) === text.length;
}

/** Reads an entry; or says what a text is that is none, such as `not an entry: ...`. */
export function readEntryText(text: string): { entry: Entry; flaw: null } | { entry: null; flaw: string } {
  if (isSurelyEntry(text)) return { entry: JSON.parse(text) as Entry, flaw: null };
  if (text.length > SLOW_TEXT_MAX)
    return { entry: null, flaw: `not an entry: nothing of ${text.length} characters is one` };
  try {
    const entry = parseEntry(JSON.parse(text));
    if (canonicalJson(entry) === text) return { entry, flaw: null };
    return { entry: null, flaw: `a ${entry.type} that is not written canonically` };
  } catch (error) {
    return { entry: null, flaw: `not an entry: ${error instanceof Error ? error.message : error}` };
  }
}
