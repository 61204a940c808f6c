/** Says which check a divergence belongs to, and puts it into a sentence: what the rules say, what the log says. */
import type { Divergence } from '#market/replay.js';
import type { Entry } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import type { AuditCheckName } from './auditChecks.js';

/** Rejections that are about a moment. */
const TIME_CODES = new Set([
  'roundClosed',
  'revealClosed',
  'notSealed',
  'deadlinePassed',
  'deadlineTooNear',
  'deadlineTooFar',
  'messageExpired',
  'messageFromFuture',
  'revealTooLate',
  'bidExpired',
  'challengeOver',
  'notActivated',
]);

/** Checks of whole kinds of entries, where no field says more. */
const CHECK_OF_TYPE: Partial<Record<Entry['type'], AuditCheckName>> = {
  bidPlaced: 'bids',
  bidCommitted: 'bids',
  bidsSealed: 'bids',
  bidOpened: 'bids',
  roundCleared: 'rounds',
  jobsEscalated: 'escalations',
  poolOpened: 'escalations',
  roundOpened: 'escalations',
  parametersSet: 'parameters',
  proofAccepted: 'payments',
  deposited: 'payments',
  logClosed: 'links',
  logOpened: 'links',
};

/** Checks of entries for which the rules see no reason at their moment: most came too early. */
const CHECK_OF_NEEDLESS: Partial<Record<Entry['type'], AuditCheckName>> = {
  poolOpened: 'escalations',
  jobsEscalated: 'escalations',
  proofAccepted: 'payments',
  backupActivated: 'timeWindows',
  leaseMissed: 'timeWindows',
  jobExpired: 'timeWindows',
  roundCleared: 'timeWindows',
  bidsSealed: 'timeWindows',
};

/** Checks of fields, the first that differs in this order decides. */
const CHECK_OF_FIELD: [field: RegExp, check: AuditCheckName][] = [
  [/^(parametersVersion|version|parameters)(\.|$)/, 'parameters'],
  [/^(bids|tieSeed|count)(\.|$)/, 'bids'],
  [/^(excused|atFault)(\.|$)/, 'slashes'],
  [/^awards\.\d+\.(jobId|(primary|backup)(\.prover)?|priceWei)$|^awards\.length$|^unawarded/, 'rounds'],
  [/^awards\.\d+\.(primary|backup)\.(missPpm|provingMsP95|promisedMs)$/, 'scores'],
  [/^(awards|explanations)(\.|$)/, 'rounds'],
  [/^postings(\.|$)/, 'payments'],
  [/(At|By|Until|due|deadline|gap|lastSign)Ms$|Ms$/, 'timeWindows'],
];

/** A divergence under the name of its check. */
export interface NamedDivergence {
  check: AuditCheckName;
  index: number;
  sentence: string;
}

/** Names a divergence. @param found - the entry as the log has it; null where the log ends */
export function nameDivergence(divergence: Divergence, found: Entry | null): NamedDivergence {
  const { index, type, cause, explanation } = divergence;
  const named = (check: AuditCheckName, words: string): NamedDivergence => ({
    check,
    index,
    sentence: `entry ${index} (${type}): ${words}`,
  });
  if (cause.kind === 'clock') return named('timeWindows', explanation);
  if (cause.kind === 'signature') return named('signatures', explanation);
  if (cause.kind === 'rejected') return named(checkOfRejection(cause.code, type as Entry['type']), explanation);
  if (cause.kind === 'needless') {
    return named(CHECK_OF_NEEDLESS[type as Entry['type']] ?? 'rules', explanation);
  }
  if (cause.kind === 'impossible') return named(checkOfImpossible(explanation, type as Entry['type']), explanation);
  if (!found || cause.kind === 'cutShort') {
    return named(checkOfTypes(cause.expected.type, null), explanation);
  }
  if (cause.expected.type !== found.type) {
    const words = `the rules say that a ${cause.expected.type} must follow here, the log has a ${found.type}`;
    return named(checkOfTypes(cause.expected.type, found.type), words);
  }
  return named(...nameDifference(cause.expected, found));
}

function checkOfRejection(code: string, type: Entry['type']): AuditCheckName {
  return TIME_CODES.has(code) ? 'timeWindows' : (CHECK_OF_TYPE[type] ?? 'rules');
}

function checkOfImpossible(explanation: string, type: Entry['type']): AuditCheckName {
  if (/^posting overdraws/.test(explanation)) return 'conservation';
  if (/logClosed/.test(explanation)) return 'links';
  if (/\bbid\b/.test(explanation)) return 'bids';
  return /verdict/.test(explanation) ? 'zkProofs' : (CHECK_OF_TYPE[type] ?? 'rules');
}

/** An entry that is missing, or stands where another must. */
function checkOfTypes(expected: Entry['type'], found: Entry['type'] | null): AuditCheckName {
  const isUnsold = [expected, found].some((type) => type === 'jobsEscalated' || type === 'poolOpened');
  if (isUnsold) return 'escalations';
  return CHECK_OF_TYPE[expected] ?? 'rules';
}

/** Two entries of one type: the check of the field in which they differ, and both values in words. */
function nameDifference(expected: Entry, found: Entry): [AuditCheckName, string] {
  const paths = differingPaths(expected, found, '');
  for (const [pattern, check] of CHECK_OF_FIELD) {
    const path = paths.find((one) => pattern.test(one));
    if (path === undefined) continue;
    if (check === 'payments') return nameMoney(expected, found);
    const byType = found.type === 'jobsEscalated' ? 'escalations' : check;
    return [isAboutScores(expected, found, path) ? 'scores' : byType, words(expected, found, path)];
  }
  const path = paths[0] ?? '';
  return [CHECK_OF_TYPE[found.type] ?? 'rules', words(expected, found, path)];
}

/** An explanation by which one side says that a prover stands below the line of scores. */
function isAboutScores(expected: Entry, found: Entry, path: string): boolean {
  const [field, place] = path.split('.');
  if (field !== 'explanations' || place === undefined) return false;
  const of = (entry: Entry) =>
    canonicalJson((entry as { explanations?: unknown[] }).explanations?.[Number(place)] ?? '');
  return of(expected).includes('belowScoreLine') || of(found).includes('belowScoreLine');
}

function words(expected: Entry, found: Entry, path: string): string {
  return `${path}: the rules say ${excerpt(at(expected, path))}, the log says ${excerpt(at(found, path))}`;
}

/** Money that one side moves and the other does not. */
function nameMoney(expected: Entry, found: Entry): [AuditCheckName, string] {
  const of = (entry: Entry) => ('postings' in entry ? entry.postings : []);
  const missing = without(of(expected), of(found));
  const extra = without(of(found), of(expected));
  const isSlash = ({ why }: Posting) => why.startsWith('slash') || why === 'bidForfeited' || why === 'cover';
  const check = extra.some(isSlash) || missing.some(isSlash) ? 'slashes' : 'payments';
  const list = (postings: Posting[]) =>
    postings.length === 0 ? 'nothing' : postings.slice(0, 3).map(money).join('; ');
  const same = 'the same postings in another order';
  if (missing.length + extra.length === 0) return ['payments', `the log has ${same}`];
  return [check, `the rules move ${list(missing)}; the log instead moves ${list(extra)}`];
}

function money({ from, to, amountWei, why }: Posting): string {
  return `${amountWei} wei from ${from} to ${to} (${why})`;
}

function without(postings: Posting[], taken: Posting[]): Posting[] {
  const left = new Map<string, number>();
  for (const one of taken) left.set(canonicalJson(one), (left.get(canonicalJson(one)) ?? 0) + 1);
  return postings.filter((one) => {
    const count = left.get(canonicalJson(one)) ?? 0;
    left.set(canonicalJson(one), count - 1);
    return count <= 0;
  });
}

/** Paths at which two values differ, such as `awards.0.priceWei`; `awards.length` where a list is longer. */
function differingPaths(a: unknown, b: unknown, path: string): string[] {
  if (Object.is(a, b)) return [];
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return [path];
  const below = (key: string) => (path === '' ? key : `${path}.${key}`);
  const lengths = Array.isArray(a) && Array.isArray(b) && a.length !== b.length ? [below('length')] : [];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...lengths, ...[...keys].flatMap((key) => differingPaths(a[key], b[key], below(key)))];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

function excerpt(value: unknown): string {
  const text = value === undefined ? 'nothing' : canonicalJson(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
