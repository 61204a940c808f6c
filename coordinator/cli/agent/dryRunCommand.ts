/** `understudy agent dry-run`: what these settings would have bid and earned in a market's newest rounds. */
import { Command } from 'commander';
import { StandbyRecord } from '#agent/bidding/standbyPrice.js';
import { type AgentConfig, agentPaths, ConfigError } from '#agent/config.js';
import { chosenFor, findProgram } from '#agent/proving/backends/backendChoice.js';
import { Measurements } from '#agent/proving/measurements.js';
import { shortId, weiText } from '#agent/status/amounts.js';
import { tellBid } from '#agent/status/bidNews.js';
import type { Address } from '#protocol/units.js';
import type { CircuitView } from '#protocol/views.js';
import { tileLogSource } from '../../auditor/tileLogSource.js';
import { httpTileSource } from '../../auditor/tileSource.js';
import { walkLog } from '../../auditor/walkLog.js';
import { connect, weiAmount, wholeNumber } from '../commandLine.js';
import { ProgressBar } from '../progressBar.js';
import { openProverAccount } from './agentAccounts.js';
import { type DryRound, DryRun } from './dryRun.js';
import { addSettingFlags, type FlagValues, settingsFrom, withDataDir } from './settingFlags.js';

const EXAMPLES = `
Examples:
  understudy agent dry-run --config agent.toml --rounds 50
  understudy agent dry-run --config agent.toml --rounds 50 --margin 20 --strategy adaptive
  understudy agent dry-run --coordinator http://127.0.0.1:8787 --promised-ms 3000 --price-wei 5000000000000

Reads the market's log from its beginning, checks it against its checkpoint, and clears each round again by the market's
rules with this bid among the others. What others did later is taken as given, and whatever is won as delivered in time.
`;

/** A prover that no log knows: for settings without a key. */
const NOBODY: Address = `0x${'0'.repeat(39)}1`;
/** Enough money for every bond. */
const RICH_WEI = 10n ** 40n;

interface DryRunFlags {
  rounds: number;
  promisedMs?: number;
  stakeWei?: bigint;
  json?: boolean;
}

/** The command with its flags. */
export function dryRunCommand(): Command {
  const command = new Command('understudy agent dry-run')
    .description(
      'Prints what these settings would have bid in the newest rounds of the market, and what they would have earned.',
    )
    .option('--rounds <n>', 'the newest rounds to look at', wholeNumber(1, 100_000), 20)
    .option(
      '--promised-ms <ms>',
      'promise so much for every circuit instead of what was measured',
      wholeNumber(1, 86_400_000),
    )
    .option('--stake-wei <wei>', 'money for bonds; default: enough for all', weiAmount)
    .option('--json', 'print the rounds as JSON')
    .addHelpText('after', EXAMPLES)
    .action((values: FlagValues) => dryRun(values));
  return addSettingFlags(command);
}

async function dryRun(values: FlagValues): Promise<void> {
  const flags = values as unknown as DryRunFlags;
  const settings = settingsFrom(values);
  const hasKey = settings.keyFile !== null || process.env.UNDERSTUDY_KEY !== undefined;
  const prover = hasKey ? (await openProverAccount(settings)).address : NOBODY;
  const config = withDataDir(settings, prover);
  const client = connect(config.coordinator);
  const { circuits } = await client.call('listCircuits', {});
  const promised = promisesOf(config, circuits, flags.promisedMs ?? null);
  const run = new DryRun({
    prover,
    pricing: config,
    slots: config.slots,
    promisedMs: (id) => promised.get(id) ?? null,
    stakeWei: flags.stakeWei ?? RICH_WEI,
    odds: new StandbyRecord().odds,
    roundsMax: flags.rounds,
  });
  const bar = new ProgressBar(process.stderr);
  const { treeSize } = await client.call('getMarket', {});
  let read = 0;
  const { flaw } = await walkLog(tileLogSource(httpTileSource(client.baseUrl)), (entry) => {
    run.push(entry);
    read += 1;
    bar.show(read / Math.max(1, treeSize), `${read} entries`);
  });
  bar.clear();
  if (flaw) throw new Error(`the log is not good: ${flaw}`);
  print(flags.json ? jsonOf(run.rounds) : textOf(run.rounds));
}

/** What is promised for each circuit that this machine proves, in milliseconds. Throws ConfigError when that is none. */
function promisesOf(
  config: AgentConfig,
  circuits: readonly CircuitView[],
  givenMs: number | null,
): Map<string, number> {
  const measurements = new Measurements(agentPaths(config.dataDir).measurements);
  const promised = new Map<string, number>();
  for (const circuit of circuits) {
    const { circuitId } = circuit;
    const template = givenMs === null ? chosenFor(config.backends, circuit) : null;
    const backend = template ? findProgram(template).fingerprint : null;
    const { threads, slots, handicap } = config;
    const ms = givenMs ?? measurements.promisedMs({ circuitId, threads, slots, handicap, backend });
    if (ms !== null) promised.set(circuitId, ms);
  }
  if (promised.size > 0) return promised;
  const setting = `${config.threads} threads and ${config.slots} slots`;
  throw new ConfigError(`nothing was measured with ${setting}: run understudy agent bench, or give --promised-ms 3000`);
}

function textOf(rounds: readonly DryRound[]): string {
  if (rounds.length === 0) return 'The log has no cleared round yet.';
  const bids = rounds.filter(({ decision }) => decision.ok);
  const sum = (of: (round: DryRound) => bigint) => rounds.reduce((total, round) => total + of(round), 0n);
  const count = (of: (round: DryRound) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const [earnedWei, costWei] = [sum(({ earnedWei: wei }) => wei), sum(({ costWei: wei }) => wei)];
  const won = `${count(({ primaryJobs }) => primaryJobs)} jobs to prove and ${count(({ backupJobs }) => backupJobs)} to stand by for`;
  return [
    ...rounds.map(lineOf),
    '',
    `${rounds.length} rounds, ${bids.length} bids: would have won ${won}, ${count(({ calledJobs }) => calledJobs)} of these called.`,
    `Would have earned ${weiText(earnedWei)}, at a cost of ${weiText(costWei)} by these settings: ${weiText(earnedWei - costWei)} over it.`,
    'Others’ bids, load and failures are taken as they were, and all that is won as delivered in time.',
  ].join('\n');
}

function lineOf(round: DryRound): string {
  const { roundId, clearedAtMs, jobs, decision, explanation, primaryJobs, backupJobs, earnedWei } = round;
  const head = `${new Date(clearedAtMs).toISOString().slice(0, 19)}  ${shortId(roundId)}  ${jobs} jobs  `;
  if (!decision.ok) {
    const { code, detail, figures } = decision;
    return `${head}no bid, ${code}: ${tellBid({ atMs: 0, event: 'skipped', code, detail, ...figures })}`;
  }
  const { priceWei, standbyWei } = decision.bid;
  const bid = `bid ${weiText(priceWei)} / ${weiText(standbyWei)} to stand by: `;
  if (primaryJobs + backupJobs > 0) return `${head}${bid}won ${primaryJobs} + ${backupJobs}, ${weiText(earnedWei)}`;
  const why = explanation ? `${explanation.code}, ${tellBid({ atMs: 0, event: '', ...explanation })}` : 'nothing';
  return `${head}${bid}${why}`;
}

function jsonOf(rounds: readonly DryRound[]): string {
  return JSON.stringify(rounds, (_, value) => (typeof value === 'bigint' ? value.toString() : value), 2);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
