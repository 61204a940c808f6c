/** `understudy agent earnings`: what a prover has earned and lost, to the wei, as the market's ledger has it. */
import { Command } from 'commander';
import { type ChainEarning, chainEarnings, type Ledger, readLedger, subjectsOf } from '#agent/client/ledger.js';
import { ConfigError } from '#agent/config.js';
import { EARNING_KINDS, type EarningKind, type EarningLine, sumEarnings } from '#agent/status/earnings.js';
import type { Client } from '#protocol/client.js';
import { proverAddress } from './agentAccounts.js';
import { EXIT } from './exitCodes.js';
import { reachMarket } from './oneAnswer.js';
import { addSettingFlags, type FlagValues, settingsFrom } from './settingFlags.js';

const EXAMPLES = `
Examples:
  understudy agent earnings --config agent.toml
  understudy agent earnings --csv --since 30d > earnings.csv
  understudy agent earnings --json --since 2026-01-01

Exit code 1 when the movements do not sum up to what the account shows.
`;

const WORDS: Record<EarningKind, string> = {
  price: 'prices',
  standbyFee: 'standby fees',
  lateShare: 'late shares',
  rescue: 'out of others’ bonds',
  slashed: 'slashed',
  forfeited: 'deposits forfeited',
  bond: 'bonds locked and released',
  deposit: 'deposits',
  asRequester: 'as a requester',
};

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The command with its flags. */
export function earningsCommand(): Command {
  const command = new Command('understudy agent earnings')
    .description('Shows what the prover has earned and lost, by cause, and holds the sum against the market’s ledger.')
    .option('--since <time>', 'count from a date, such as 2026-01-31, or back from now, such as 30d, 12h, 90m')
    .option('--csv', 'every movement as a line of CSV')
    .option('--json', 'the sums as JSON')
    .addHelpText('after', EXAMPLES)
    .action(show);
  return addSettingFlags(command);
}

/** What is to be shown of a prover. */
interface Shown {
  address: string;
  sinceMs: number;
  ledger: Ledger;
  lines: readonly EarningLine[];
  onChain: readonly ChainEarning[];
}

const sumOf = (onChain: readonly ChainEarning[]) => onChain.reduce((sum, { amountWei }) => sum + amountWei, 0n);

async function show(values: FlagValues): Promise<void> {
  const settings = settingsFrom(values);
  const address = proverAddress(settings);
  const sinceMs = values.since === undefined ? 0 : timeOf(String(values.since), Date.now());
  const { client } = await reachMarket(settings.coordinator);
  const ledger = await readLedger(client, address);
  const lines = ledger.lines.filter(({ posting }) => posting.atMs >= sinceMs);
  const { earnings, missingWei } = await chainEarnings(client, address);
  const onChain = earnings.filter(({ atMs }) => atMs >= sinceMs);
  const shown = { address, sinceMs, ledger, lines, onChain };
  if (values.csv) process.stdout.write(await csvOf(client, shown));
  else if (values.json) process.stdout.write(`${JSON.stringify(jsonOf(shown), null, 2)}\n`);
  else process.stdout.write(textOf(settings.coordinator, shown));
  if (ledger.missingWei === 0n && missingWei === 0n) return;
  const flaw =
    ledger.missingWei === 0n
      ? `job sets of ${missingWei} wei were not shown: what the contract pays may be more`
      : `the movements miss the account by ${ledger.missingWei} wei`;
  process.stderr.write(`${flaw}: ask the market's operator\n`);
  process.exitCode = EXIT.failure;
}

/** A date, or a time before now, as Unix milliseconds. Throws ConfigError. */
export function timeOf(text: string, nowMs: number): number {
  const back = /^([0-9]{1,6})([mhd])$/.exec(text);
  if (back) return nowMs - Number(back[1]) * UNIT_MS[back[2]!]!;
  const atMs = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) throw new ConfigError(`--since must be a date such as 2026-01-31, or such as 30d, 12h, 90m`);
  return atMs;
}

async function csvOf(client: Client, { lines, onChain }: Shown): Promise<string> {
  const indexes = [...new Set(lines.map(({ posting }) => posting.entryIndex))];
  const subjects = indexes.length > 0 ? await subjectsOf(client, indexes) : new Map<number, string>();
  const rows = lines.map(({ posting, kind, earnedWei, freeWei, bondWei, counterparty }) => {
    const at = new Date(posting.atMs).toISOString();
    const subject = subjects.get(posting.entryIndex) ?? '';
    return [
      at,
      posting.entryIndex,
      subject,
      posting.why,
      kind,
      earnedWei,
      freeWei,
      bondWei,
      counterparty ?? 'own',
    ].join();
  });
  // The contract pays it: neither free money nor bonds of the ledger move.
  const paid = onChain.map(({ jobId, amountWei, atMs, entryIndex }) =>
    [new Date(atMs).toISOString(), entryIndex, jobId, 'jobSet', 'onChain', amountWei, 0, 0, 'contract'].join(),
  );
  return `${['time,entry,subject,why,kind,earned_wei,free_wei,bond_wei,counterparty', ...rows, ...paid].join('\n')}\n`;
}

function jsonOf({ address: prover, sinceMs, ledger: { account, missingWei }, lines, onChain }: Shown) {
  const { byKind, earnedWei } = sumEarnings(lines);
  const kinds = EARNING_KINDS.map((kind) => [kind, { count: byKind[kind].count, wei: byKind[kind].wei.toString() }]);
  return {
    prover,
    sinceMs,
    earnedWei: (earnedWei + sumOf(onChain)).toString(),
    onChain: { count: onChain.length, wei: sumOf(onChain).toString() },
    byKind: Object.fromEntries(kinds),
    freeWei: account.freeWei,
    bondedWei: account.bondedWei,
    equalsLedger: missingWei === 0n,
  };
}

function textOf(coordinator: string, { address: prover, sinceMs, ledger, lines, onChain }: Shown): string {
  const { account, missingWei } = ledger;
  const sums = sumEarnings(lines);
  const row = (text: string, wei: bigint | string, count: number | '' = '') =>
    `${text.padEnd(28)}${String(count).padStart(8)}${`${wei} wei`.padStart(34)}`;
  const earned = EARNING_KINDS.filter((kind) => !['bond', 'deposit', 'asRequester'].includes(kind));
  const others = (['deposit', 'asRequester'] as const).filter((kind) => sums.byKind[kind].count > 0);
  const name = account.prover ? ` (${account.prover.name})` : '';
  return `prover ${prover}${name} on ${coordinator}${sinceMs > 0 ? `, since ${new Date(sinceMs).toISOString()}` : ''}
${[
  ...earned.map((kind) => row(WORDS[kind], sums.byKind[kind].wei, sums.byKind[kind].count)),
  ...(onChain.length > 0 ? [row('prices paid on chain', sumOf(onChain), onChain.length)] : []),
  row('earned', sums.earnedWei + sumOf(onChain)),
  '',
  ...others.map((kind) => row(WORDS[kind], sums.byKind[kind].wei, sums.byKind[kind].count)),
  row('locked in bonds now', account.bondedWei),
  row('free now', account.freeWei),
].join('\n')}
${missingWei === 0n ? 'All movements sum up to the account, to the wei.\n' : ''}`;
}
