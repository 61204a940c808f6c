/** The end of a block: who was paid what, the ledger, the log, and the replay of all of it. */
import type { Client } from '#protocol/client.js';
import type { Address, Hex } from '#protocol/units.js';
import type { AccountView, BundleView, JobView } from '#protocol/views.js';
import { createVerifierPool } from '#verifier/verifierPool.js';
import { LogAudit } from '../../auditor/auditLog.js';
import { tileLogSource } from '../../auditor/tileLogSource.js';
import { httpTileSource } from '../../auditor/tileSource.js';

export interface SummaryJob {
  jobId: string;
  primary: string | null;
  backup: string | null;
  deliveredBy: string | null;
  deliveredAs: JobView['deliveredBy'];
  priceWei: string;
  standbyFeeWei: string;
  provingMs: number | null;
  outcome: string | null;
  activationCause: string | null;
}

/** Everything that the final table shows, and the bundle. What `--report` writes. */
export interface Report {
  blockId: Hex;
  label: string;
  elapsedMs: number;
  jobs: SummaryJob[];
  balances: (Pick<AccountView, 'address' | 'freeWei' | 'bondedWei'> & { name: string })[];
  log: { treeSize: number; rootHash: string; checkpoint: string };
  replay: { ok: boolean; entries: number; zkProofsChecked: number; divergence: string | null };
  bundle: BundleView;
}

/** Reads everything and replays the log from nothing. */
export async function summarize(
  client: Client,
  blockId: Hex,
  label: string,
  parties: { name: string; address: Address }[],
): Promise<Report> {
  const nameOf = (address: string | undefined) =>
    parties.find((one) => one.address === address)?.name ?? address ?? null;
  const [block, { jobs }, bundle] = await Promise.all([
    client.call('getBlock', { params: { blockId } }),
    client.call('listJobs', { params: { blockId } }),
    client.call('getBundle', { params: { blockId } }),
  ]);
  const balances = await Promise.all(
    parties.map(async ({ name, address }) => {
      const { freeWei, bondedWei } = await client.call('getAccount', { params: { address } });
      return { name, address, freeWei, bondedWei };
    }),
  );
  const verifier = createVerifierPool({ threads: 1 });
  const audit = new LogAudit(tileLogSource(httpTileSource(client.baseUrl)), { verifier, threads: 1 });
  const found = await audit.run().finally(() => Promise.all([audit.close(), verifier.close()]));
  return {
    blockId,
    label,
    elapsedMs: (block.completedAtMs ?? block.submittedAtMs) - block.submittedAtMs,
    jobs: jobs.map((job) => summaryJob(job, nameOf)),
    balances,
    log: { treeSize: found.size, rootHash: found.rootHash, checkpoint: found.note },
    replay: {
      ok: found.ok,
      entries: found.size,
      zkProofsChecked: found.checks.find(({ check }) => check === 'zkProofs')!.checked,
      divergence: found.flaws[0]?.sentence ?? null,
    },
    bundle,
  };
}

function summaryJob(job: JobView, nameOf: (address: string | undefined) => string | null): SummaryJob {
  const deliverer = job.submissions.find(({ verdict }) => verdict === 'valid');
  return {
    jobId: job.jobId,
    primary: nameOf(job.primary?.prover),
    backup: nameOf(job.backup?.prover),
    deliveredBy: nameOf(deliverer?.prover),
    deliveredAs: job.deliveredBy,
    priceWei: job.priceWei,
    standbyFeeWei: job.standbyFeeWei,
    provingMs: job.provingMs,
    outcome: job.outcome,
    activationCause: job.activationCause,
  };
}

/** Lays rows out in columns; numbers to the right. */
export function table(header: string[], rows: string[][]): string {
  const widths = header.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)));
  const isNumber = header.map((_, at) => rows.every((row) => /^[-0-9.]*$/.test(row[at]!)));
  const line = (row: string[]) =>
    row
      .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** Why it was not simply its primary that delivered. */
function remarkOf({ deliveredAs, activationCause }: SummaryJob): string {
  if (deliveredAs === 'pool') return ' (pool)';
  return activationCause ? ` (${activationCause})` : '';
}

/** The report as people read it. */
export function reportText(report: Report): string {
  const jobs = table(
    ['job', 'primary', 'backup', 'delivered by', 'price (gwei)', 'standby fee (gwei)', 'proving ms', 'outcome'],
    report.jobs.map((job) => [
      job.jobId.slice(job.jobId.lastIndexOf('.') + 1),
      job.primary ?? '-',
      job.backup ?? '-',
      (job.deliveredBy ?? '-') + remarkOf(job),
      gwei(job.priceWei),
      gwei(job.standbyFeeWei),
      job.provingMs === null ? '-' : String(job.provingMs),
      job.outcome ?? '-',
    ]),
  );
  const balances = table(
    ['account', 'address', 'free (gwei)', 'bonded (gwei)'],
    report.balances.map(({ name, address, freeWei, bondedWei }) => [name, address, gwei(freeWei), gwei(bondedWei)]),
  );
  const { log, replay } = report;
  const verdict = replay.ok
    ? `the log replays: ${replay.entries} entries, ${replay.zkProofsChecked} zkProofs, every award and payment reproduced`
    : `THE LOG DOES NOT REPLAY: ${replay.divergence}`;
  return [
    '',
    jobs,
    '',
    balances,
    '',
    `log: tree size ${log.treeSize}, root hash ${log.rootHash}`,
    `replay from nothing: ${verdict}`,
  ].join('\n');
}

/** Wei as gwei with all its digits. */
function gwei(wei: string): string {
  const padded = wei.padStart(10, '0');
  const fraction = padded.slice(-9).replace(/0+$/, '');
  return fraction ? `${padded.slice(0, -9)}.${fraction}` : padded.slice(0, -9);
}
