/** `understudy check-bids`: holds a market's log against a prover's receipts. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { type KeptReceipt, keptReceiptSchema } from '#protocol/bidReceipt.js';
import { BidEvidence } from '../auditor/bidEvidence.js';
import { tileLogSource } from '../auditor/tileLogSource.js';
import { httpTileSource } from '../auditor/tileSource.js';
import { walkLog } from '../auditor/walkLog.js';
import { DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy check-bids http://127.0.0.1:8787 --receipts ~/.understudy/agent-0x1a64../receipts.jsonl
  $ understudy check-bids http://127.0.0.1:8787                (all bids in the log, without receipts)`;

/** Runs the subcommand. @returns 0 when no bid was tampered with, 1 when one was or the log cannot be checked */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy check-bids')
    .description(
      'Reads a whole log, checks it against its signed checkpoint, and names every bid that the coordinator has ' +
        'dropped, added, altered, reordered or taken late.',
    )
    .argument('[url]', 'address of the coordinator', DEFAULT_URL)
    .option('--receipts <file>', 'receipts of a prover, one JSON object a line: an agent’s receipts.jsonl')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (url: string, { receipts, json }: { receipts?: string; json?: true }) => {
      exitCode = await check(url, receipts ?? null, json ?? false);
    });
  return runProgram(program, args, () => exitCode);
}

async function check(url: string, file: string | null, isJson: boolean): Promise<number> {
  const { receipts, unreadable } = parseReceipts(file === null ? '' : await readFile(file, 'utf8'));
  const evidence = new BidEvidence(receipts);
  const { size, flaw } = await walkLog(tileLogSource(httpTileSource(url)), (entry) => evidence.take(entry));
  const findings = evidence.end();
  const { unusable } = evidence;
  if (isJson) {
    console.log(JSON.stringify({ size, flaw, receipts: receipts.length, unreadable, unusable, findings }, null, 2));
  } else {
    for (const { misdeed, roundId, prover, entryIndex, explanation } of findings) {
      const place = entryIndex === null ? '' : ` (entry ${entryIndex})`;
      console.log(`${misdeed}: ${prover ? `the bid of ${prover}` : 'bids'} in ${roundId}${place}: ${explanation}`);
    }
    for (const { receipt, reason } of unusable)
      console.log(`a receipt for ${receipt.roundId} proves nothing: ${reason}`);
    if (unreadable > 0) console.log(`${unreadable} lines of ${file} are no receipts`);
    if (flaw) console.log(`the log itself is not good: ${flaw}`);
    const checked = `${size} entries, ${receipts.length - unusable.length} receipts`;
    console.log(
      findings.length === 0 ? `no bid was tampered with (${checked})` : `${findings.length} findings (${checked})`,
    );
  }
  return findings.length === 0 && flaw === null ? 0 : 1;
}

/** Receipts of a file, one JSON object a line; the number of lines that are none. */
export function parseReceipts(text: string): { receipts: KeptReceipt[]; unreadable: number } {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const receipts = lines.flatMap((line) => {
    try {
      return [keptReceiptSchema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
  return { receipts, unreadable: lines.length - receipts.length };
}
