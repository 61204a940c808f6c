/** `understudy agent run`: a prover that follows the market until it is stopped. */
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { jsonLog } from '#agent/log.js';
import { runAgent } from '#agent/main.js';
import { readAgentSettings } from '#agent/settings/agentSettings.js';
import { type LiveLog, liveLog } from '#agent/status/liveLog.js';
import { openAccounts } from './agentAccounts.js';
import { EXIT } from './exitCodes.js';
import { addSettingFlags, type FlagValues, sourceOf, withDataDir } from './settingFlags.js';

const EXAMPLES = `
Examples:
  understudy agent run --config agent.toml
  understudy agent --coordinator http://127.0.0.1:8787 --key-file prover.key --name workshop --threads 2

Flags count before the file. The first start measures this machine; later ones remember. Ctrl-C hands unfinished jobs
back to the market; a second Ctrl-C ends the agent at once.

Others: understudy agent init, doctor, status, earnings, bench, dry-run, authorize, codes, settings; each has --help.
`;

/** Ctrl-C in a terminal reaches an agent twice when its parent passes it on: signals so close together count as one. */
const SAME_SIGNAL_MS = 1_000;

/**
 * What V8 may keep for young objects of this thread, in MiB: an agent mostly waits, and 16, the default, grow to 48 that never
 * come back. Threads that prove have their own.
 */
const YOUNG_MB = 1;

/** The command with its flags. */
export function runCommand(): Command {
  const command = new Command('understudy agent run')
    .description('Runs a prover: follows the market, bids, proves and delivers until it is stopped.')
    .option('--json', 'write JSON lines also on a terminal, instead of the live view')
    .option('--take-over', 'work in the place of another agent that has this key, on whatever machine: that one ends')
    .addHelpText('after', EXAMPLES)
    .action(runWith);
  return addSettingFlags(command);
}

async function runWith(values: FlagValues): Promise<void> {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString(`--max-semi-space-size=${YOUNG_MB}`);
  const source = sourceOf(values);
  const settings = readAgentSettings(source);
  const accounts = await openAccounts(settings);
  const { address } = accounts.account;
  const config = withDataDir(settings, address);
  const { file } = source;
  const watched = file === null ? null : { path: file, read: () => withDataDir(readAgentSettings(source), address) };
  const stop = new AbortController();
  const { log, end } = chooseLog(values.json === true);
  // However the process ends, the terminal gets its cursor back.
  process.once('exit', end);
  let stoppedMs = 0;
  const onSignal = () => {
    if (!stop.signal.aborted) stoppedMs = performance.now();
    else if (performance.now() - stoppedMs > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // Whoever reads the log may go away; the agent holds bonds and goes on.
  process.stdout.on('error', () => {});
  try {
    await runAgent(config, { ...accounts, watched, takeOver: values.takeOver === true, log, signal: stop.signal });
  } finally {
    end();
    process.off('exit', end);
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** A live view on a terminal, JSON lines everywhere else or when asked for. */
function chooseLog(isJson: boolean): LiveLog {
  const { stdout } = process;
  if (stdout.isTTY && !isJson) return liveLog(stdout, !process.env.NO_COLOR);
  return { log: jsonLog((line) => stdout.write(`${line}\n`)), end: () => {} };
}
