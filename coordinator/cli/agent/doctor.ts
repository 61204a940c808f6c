/** `understudy agent doctor`: whether an agent with these settings would earn, and what to do where it would not. */
import { Command } from 'commander';
import { addressOfKeystore } from '#agent/client/keyFile.js';
import { keyHolder } from '#agent/client/keyLock.js';
import { messageOf } from '#agent/log.js';
import type { AgentSettings } from '#agent/settings/agentSettings.js';
import type { Address } from '#protocol/units.js';
import { openProverAccount } from './agentAccounts.js';
import { CHECK_NAMES, type Check, unwell, well } from './doctor/check.js';
import { checkMachine } from './doctor/machineChecks.js';
import { checkConnection, checkProver } from './doctor/marketChecks.js';
import { EXIT } from './exitCodes.js';
import type { Reached } from './oneAnswer.js';
import { addSettingFlags, type FlagValues, settingsFrom, withDataDir } from './settingFlags.js';

const EXAMPLES = `
Examples:
  understudy agent doctor --config agent.toml
  understudy agent doctor --json

Changes nothing and spends nothing. Exit code 0 when all is well, 1 when there is something to do.
`;

/** The command with its flags. */
export function doctorCommand(): Command {
  const command = new Command('understudy agent doctor')
    .description('Checks key, connection, clock, registration, money, artifacts, memory and backends.')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action(examine);
  return addSettingFlags(command);
}

async function examine(values: FlagValues): Promise<void> {
  const checks = await checksOf(settingsFrom(values));
  const ok = checks.every((check) => check.ok);
  process.stdout.write(values.json ? `${JSON.stringify({ ok, checks }, null, 2)}\n` : textOf(checks));
  if (!ok) process.exitCode = EXIT.failure;
}

/** Looks at everything; what cannot be looked at because something before it is wrong is left out. */
async function checksOf(settings: AgentSettings): Promise<Check[]> {
  const { prover, check } = await checkKey(settings);
  const { reached, checks } = await checkConnection(settings.coordinator);
  if (!reached || !prover) return [check, ...checks];
  try {
    const canSign = settings.ownerKeyFile !== null;
    const ofProver = await checkProver(reached, prover, settings, canSign);
    const { circuits } = await reached.client.call('listCircuits', {});
    const ofMachine = await checkMachine(withDataDir(settings, prover), circuits);
    const all = [check, await checkHolder(reached, prover), ...checks, ...ofProver, ...ofMachine];
    return all.toSorted((a, b) => CHECK_NAMES.indexOf(a.name) - CHECK_NAMES.indexOf(b.name));
  } catch (error) {
    const advice = 'the coordinator stopped answering: run it again';
    return [check, ...checks, unwell('connection', messageOf(error), advice)];
  }
}

/** Opens the key as a start would: password, permissions, form. */
async function checkKey(settings: AgentSettings): Promise<{ prover: Address | null; check: Check }> {
  const { keyFile } = settings;
  try {
    const { address } = await openProverAccount(settings, 'mustExist');
    return { prover: address, check: well('key', `${address} in ${keyFile ?? 'UNDERSTUDY_KEY'}`) };
  } catch (error) {
    const check = unwell(
      'key',
      messageOf(error),
      'see Keys in prover-agent/README.md; understudy agent init makes one',
    );
    return { prover: keyFile ? writtenAddress(keyFile) : null, check };
  }
}

/** What a keystore that cannot be opened says of itself: enough to look at everything else. */
function writtenAddress(keyFile: string): Address | null {
  try {
    return addressOfKeystore(keyFile);
  } catch {
    return null;
  }
}

async function checkHolder({ market }: Reached, prover: Address): Promise<Check> {
  const holder = await keyHolder(prover, market.coordinatorId);
  if (!holder) return well('keyInUse', 'no agent on this machine works with it now');
  return well(
    'keyInUse',
    `process ${holder.pid} works with it, data folder ${holder.dataDir}; a second one would refuse`,
  );
}

function textOf(checks: readonly Check[]): string {
  const lines = checks.map(({ name, ok, detail, advice }) => {
    const line = `${ok ? 'ok ' : 'FIX'}  ${name.padEnd(13)} ${detail}`;
    return advice ? `${line}\n     ${' '.repeat(13)} -> ${advice}` : line;
  });
  const wrong = checks.filter(({ ok }) => !ok).length;
  return `${lines.join('\n')}\n${wrong === 0 ? 'All is well.' : `${wrong} to do.`}\n`;
}
