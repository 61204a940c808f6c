/** `understudy agent status`: what the agent on this machine does now, and how it stands with the market. */
import { Command } from 'commander';
import { agentPaths } from '#agent/config.js';
import { messageOf } from '#agent/log.js';
import { readStatusFile, STATUS_FRESH_MS, type StatusFile } from '#agent/status/statusKeeper.js';
import type { Address } from '#protocol/units.js';
import type { AccountView } from '#protocol/views.js';
import { proverAddress } from './agentAccounts.js';
import { EXIT } from './exitCodes.js';
import { reachMarket } from './oneAnswer.js';
import { addSettingFlags, type FlagValues, settingsFrom, withDataDir } from './settingFlags.js';
import { statusText } from './statusText.js';

const EXAMPLES = `
Examples:
  understudy agent status --config agent.toml
  understudy agent status --json

Exit code 0 while the agent runs, 1 when it does not.
`;

/** A coordinator that takes longer is told as away, in milliseconds. */
const ANSWER_MS = 5_000;

/** What the command finds. */
export interface FoundStatus {
  prover: Address;
  isRunning: boolean;
  /** What the agent left last; null when it never ran on this data folder. */
  file: StatusFile | null;
  /** The market's word; null with the reason when it could not be had. */
  account: AccountView | null;
  accountFlaw: string | null;
}

/** The command with its flags. */
export function statusCommand(): Command {
  const command = new Command('understudy agent status')
    .description('Shows what the agent on this machine does, and its account as the market has it.')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action(show);
  return addSettingFlags(command);
}

async function show(values: FlagValues): Promise<void> {
  const settings = settingsFrom(values);
  const prover = proverAddress(settings);
  const { dataDir, coordinator } = withDataDir(settings, prover);
  const file = readStatusFile(agentPaths(dataDir).status);
  const isRunning = file !== null && isAlive(file, Date.now());
  const found: FoundStatus = { prover, isRunning, file, ...(await accountAt(coordinator, prover)) };
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : statusText(found, dataDir, Date.now()));
  if (!isRunning) process.exitCode = EXIT.failure;
}

/** An agent lives when it has left a sign of life lately; one that said that it stopped does not. */
export function isAlive({ writtenMs, status }: StatusFile, nowMs: number): boolean {
  return status.phase !== 'stopped' && Math.abs(nowMs - writtenMs) <= STATUS_FRESH_MS;
}

async function accountAt(
  coordinator: string,
  address: Address,
): Promise<{ account: AccountView | null; accountFlaw: string | null }> {
  try {
    const { client } = await reachMarket(coordinator, ANSWER_MS);
    return { account: await client.call('getAccount', { params: { address } }), accountFlaw: null };
  } catch (error) {
    return { account: null, accountFlaw: messageOf(error) };
  }
}
