/**
 * Parameters changed without an entry: an entry that the rules do not make under the parameters in force, and do make with
 * another value of one of them, betrays it. Rates are tried in steps, counts around their value, times by what the entry's
 * figures are off by.
 */
import type { Divergence, Replay } from '#market/replay.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { type Parameters, parametersFlaw, parametersSchema } from '#protocol/parameters.js';

/** How many values are tried for an entry: about a second's worth. */
const TRIES_MAX = 8_000;

/** How many for a clearing, which takes longer to derive; fewer still for a large one. */
const CLEARING_TRIES_MAX = 1_000;

/** Bids times jobs up to which a clearing is small. */
const SMALL_ROUND = 16;

/** Figures by which an entry differs that are taken for differences of times. */
const DIFFERENCES_MAX = 32;

/** Rates are tried in these steps, in basis points: whoever changes one rarely sets it to 3,217. */
const BPS_STEPS = [100, 10];
const BPS_MAX = 10_000;

/** How far counts are tried around their value. */
const COUNT_STEPS = 16;

/** Entries whose contents depend on parameters. */
const TYPES: ReadonlySet<Entry['type']> = new Set([
  'roundCleared',
  'proofAccepted',
  'jobExpired',
  'bidCommitted',
  'bidsSealed',
  'poolOpened',
  'poolCommitted',
  'challengeIssued',
]);

/** @returns which other value of one parameter makes the entry what the log says, in a sentence; null when none does */
export function silentParameter(replay: Replay, { index, cause }: Divergence, found: Entry): string | null {
  if (cause.kind !== 'differs' || !cause.isFirst) return null;
  const { expected } = cause;
  if (expected.type !== found.type || !TYPES.has(found.type)) return null;
  const inForce = replay.state.parameters.get(replay.state.parametersVersion);
  if (!inForce) return null;
  const text = canonicalJson(found);
  let left = triesFor(found);
  for (const [name, value] of candidates(inForce, expected, found)) {
    if (left-- <= 0) return null;
    const [derived] = replay.deriveUnder(found, (one) => ({ ...one, [name]: value })) ?? [];
    if (!derived || canonicalJson(derived) !== text) continue;
    const rules = `the parameters in force say ${name} = ${inForce[name]}`;
    return `entry ${index} (${found.type}): ${rules}, the log goes by ${value}, which no entry has set`;
  }
  return null;
}

function triesFor(entry: Entry): number {
  if (entry.type !== 'roundCleared') return TRIES_MAX;
  const size = entry.bids.length * (entry.awards.length + entry.unawarded.length);
  return Math.floor((CLEARING_TRIES_MAX * SMALL_ROUND) / Math.max(SMALL_ROUND, size));
}

type Guess = [name: keyof Parameters, value: number];

function* candidates(parameters: Parameters, expected: Entry, found: Entry): Generator<Guess> {
  const names = Object.keys(parametersSchema.shape) as (keyof Parameters)[];
  const numbers = names.filter((name) => typeof parameters[name] === 'number');
  const differences = [...new Set(numericDifferences(expected, found))].slice(0, DIFFERENCES_MAX);
  for (const name of numbers.filter((one) => one.includes('Ms'))) {
    for (const difference of differences) yield* valid(parameters, name, (parameters[name] as number) + difference);
  }
  for (const step of BPS_STEPS) {
    for (const name of numbers.filter((one) => one.endsWith('Bps'))) {
      for (let value = 0; value <= BPS_MAX; value += step) yield [name, value];
    }
  }
  for (const name of numbers.filter((one) => /(Jobs|Max|Min)$/.test(one))) {
    for (let step = 1; step <= COUNT_STEPS; step += 1) {
      yield* valid(parameters, name, (parameters[name] as number) + step);
      yield* valid(parameters, name, (parameters[name] as number) - step);
    }
  }
}

/** The guess, if such a document could be in force. */
function* valid(parameters: Parameters, name: keyof Parameters, value: number): Generator<Guess> {
  const changed = parametersSchema.safeParse({ ...parameters, [name]: value });
  if (changed.success && parametersFlaw(changed.data) === null) yield [name, value];
}

/** By how much whole numbers of two values of one shape differ. */
function numericDifferences(expected: unknown, found: unknown): number[] {
  if (typeof expected === 'number' && typeof found === 'number') return expected === found ? [] : [found - expected];
  if (expected === null || found === null || typeof expected !== 'object' || typeof found !== 'object') return [];
  return Object.keys(expected).flatMap((key) =>
    numericDifferences((expected as Record<string, unknown>)[key], (found as Record<string, unknown>)[key]),
  );
}
