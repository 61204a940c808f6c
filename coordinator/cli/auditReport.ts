/** The words of an audit's report. */
import type { AuditReport } from '../auditor/auditReport.js';
import { table } from './start/summary.js';

/** Bad ones for which the chance of being found is stated. */
const BAD_ONES = [1, 10, 100];

/** The report in lines. @param run.sample - share of costly checks; `seconds` what it took */
export function reportLines(report: AuditReport, run: { sample: number; seconds: number }): string[] {
  const { checks, size, rootHash, origin, seenSizes, first, flaws, skipped } = report;
  const perSecond = Math.round(size / Math.max(0.001, run.seconds));
  const rows = checks.map(({ check, checked, counts, flaws: wrong, means }) => [
    check,
    wrong > 0 ? 'FAILED' : checked === 0 ? '-' : 'holds',
    `${checked} ${counts}`,
    means,
  ]);
  const before =
    seenSizes.length === 0 ? 'first time that this auditor sees it' : `seen before at ${seenSizes.join(', ')}`;
  const lines = [
    `${origin ?? 'a log without a name'}: ${size} entries, root ${rootHash} (${before})`,
    ...keyLines(report),
    ...linkLines(report),
    table(['check', 'result', 'looked at', 'meaning'], rows),
    ...sampleLines(skipped, run.sample),
  ];
  if (report.unusableReceipts > 0) lines.push(`${report.unusableReceipts} receipts prove nothing against this log`);
  if (first) lines.push(`first divergence, ${first.check}: ${first.sentence}`);
  for (const { check, sentence } of flaws.filter((one) => one !== first).slice(0, 10)) {
    lines.push(`also, ${check}: ${sentence}`);
  }
  const verdict = report.ok ? 'everything that was checked holds' : `${flaws.length} flaws: do not trust this log`;
  lines.push(`${verdict} (${run.seconds.toFixed(1)} s, ${perSecond} entries a second)`);
  return lines;
}

/** The keys that somebody can compare with those that the operators publish. */
function keyLines({ logs }: AuditReport): string[] {
  return logs.map(({ logKey }, number) => `key ${logs.length > 1 ? `of log ${number} ` : ''}${logKey}`);
}

/** How each log follows the one before, and whose word that is. */
function linkLines({ logs, goesOnAs }: AuditReport): string[] {
  const lines = logs.slice(1).map(({ origin, firstIndex, follows }, at) => {
    const link = `log ${at + 1}, ${origin}, from entry ${firstIndex} on`;
    if (!follows) return link;
    const { cause, isAnnounced } = follows;
    const word = isAnnounced
      ? 'the log before was closed for it: linked both ways'
      : `the log before was not closed: that it goes on here is the word of ${origin} alone, not of ${logs[at]!.origin}`;
    return `${link}: ${cause}; ${word}`;
  });
  if (goesOnAs)
    lines.push(`the log is closed: the market goes on as ${goesOnAs.origin}, with the key ${goesOnAs.logKey}`);
  return lines;
}

/** With which probability a sample would have found what is bad. */
export function sampleLines(skipped: AuditReport['skipped'], share: number): string[] {
  const left = skipped.signatures + skipped.zkProofs;
  if (left === 0) return [];
  const lines = [`left out: ${skipped.signatures} signatures and ${skipped.zkProofs} zkProofs`];
  if (share === 1) return lines;
  const chances = BAD_ONES.map((bad) => {
    const percent = (1 - (1 - share) ** bad) * 100;
    return `${bad} bad one${bad === 1 ? '' : 's'} with ${percent.toFixed(percent > 99 ? 4 : 1)} %`;
  });
  return [...lines, `a share of ${share}, drawn at random, finds at least one of ${chances.join(', ')} probability`];
}
