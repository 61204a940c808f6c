/**
 * Reads an entry as the log has it: a text that is the canonical JSON of an entry of one of the schemas, and nothing else.
 * The one place that says so, for auditors, mirrors and whoever else reads a log.
 */
import type { z } from 'zod';
import { ENTRY_SCHEMAS, type Entry, parseEntry } from './entries.js';
import { canonicalJson } from './log/canonicalJson.js';
import { PLAIN } from './log/leafText.js';
import { type SureReader, sureReader } from './log/sureText.js';
import { giveUpDetailSchema } from './messages.js';
import { addressSchema, bytes32Schema, labelSchema, signatureSchema } from './units.js';

const TYPE_LEAD = '"type":"';

/** Of these schemas it is not seen what they leave as it is: they end in a function, or speak of kinds of letters. */
const KNOWN_STRINGS = new Map<z.core.$ZodType, string>([
  [addressSchema, '0x[0-9a-f]{40}'],
  [bytes32Schema, '0x[0-9a-f]{64}'],
  [signatureSchema, '0x[0-9a-f]{130}'],
  [labelSchema, `${PLAIN}{1,64}`],
  [giveUpDetailSchema, `${PLAIN}{0,256}`],
]);

const readers = new Map<string, SureReader>(
  Object.entries(ENTRY_SCHEMAS).map(([type, schema]) => [type, sureReader(schema, KNOWN_STRINGS)]),
);

/**
 * True when a text is surely an entry: {@link readEntryText} would give back what JSON.parse makes of it. False says nothing:
 * an entry with a letter beyond ASCII is one too, and read the slow way.
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
  try {
    const entry = parseEntry(JSON.parse(text));
    if (canonicalJson(entry) === text) return { entry, flaw: null };
    return { entry: null, flaw: `a ${entry.type} that is not written canonically` };
  } catch (error) {
    return { entry: null, flaw: `not an entry: ${error instanceof Error ? error.message : error}` };
  }
}
