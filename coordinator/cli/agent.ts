import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Account } from '#agent/client/account.js';
import type { Address } from '#protocol/units.js';

const EXAMPLE = `
Example:
  understudy agent --coordinator http://127.0.0.1:8787 --key-file prover.key --name workshop --threads 2

The key comes from --key-file, which is made (mode 0600) when it is missing, or from the environment variable
UNDERSTUDY_KEY (0x and 64 hexadecimal digits). The first start measures this machine; later ones remember.
Ctrl-C hands unfinished jobs back to the market; a second Ctrl-C ends the agent at once.
`;

/** Exit codes: a setting that cannot be used, a refusal or failure, and a second Ctrl-C. */
const EXIT = { usage: 2, failure: 1, interrupted: 130 } as const;

/** Ctrl-C in a terminal reaches an agent twice when its parent passes it on: signals so close together count as one. */
const SAME_SIGNAL_MS = 1_000;

type Options = Record<string, string | undefined> & { backend?: string[] };

async function commandOf(act: (options: Options) => Promise<void>) {
  const { Command } = await import('commander');
  return new Command('understudy agent')
    .description('Runs a prover: follows the market, bids, proves and delivers until it is stopped.')
    .requiredOption('--coordinator <url>', 'where the market is, such as http://127.0.0.1:8787')
    .option('--key-file <file>', 'the prover’s key, { "privateKey": "0x.." }; made when missing')
    .option('--name <name>', 'what people see, such as workshop', 'prover')
    .option(
      '--owner <address>',
      'the account that owns this prover, such as 0x1f9840a85d5af5bf1d1762f925bdaddc4201f984',
    )
    .option('--owner-key-file <file>', 'the owner’s key, such as owner.key: needed once, it signs the registration')
    .option('--price-per-second-wei <wei>', 'price by promised second, such as 1000000000000 (the default)')
    .option('--price-wei <wei>', 'a fixed price for a job, such as 5000000000000, instead of one by time')
    .option('--standby-wei <wei>', 'price to stand by, such as 250000000000; default: a twentieth of the price')
    .option('--threads <n>', 'threads of one zkProof, such as 2', '1')
    .option('--slots <n>', 'zkProofs at once, such as 2: more for each core than threads, and more memory', '1')
    .option(
      '--backend <circuit=command>',
      'an external prover, such as transferRollup=rapidsnark; may be given several times, * stands for all circuits',
      (one: string, others: string[]) => [...others, one],
      [],
    )
    .option('--witness-limit <ms>', 'end witness generators that take longer, such as 60000', '60000')
    .option('--witness-memory <mb>', 'end witness generators that take more memory, such as 1024', '1024')
    .option('--handicap <factor>', 'be slow on purpose, such as 3: every zkProof takes 3 times as long', '1')
    .option('--no-pool', 'take no part in the pool: leave to others what nobody bought or both sides failed at')
    .option('--data-dir <dir>', 'where artifacts and measurements are kept, such as ./agent-1')
    .option('--artifact-dir <dir>', 'use the files of this folder whose hash fits, such as circuits/artifacts')
    .option('--finish <ms>', 'at a stop, finish running work that takes no longer, such as 60000', '10000')
    .addHelpText('after', EXAMPLE)
    .exitOverride()
    .action(act);
}

async function settingsOf(options: Options, address: string) {
  const { parseAgentConfig } = await import('#agent/config.js');
  return parseAgentConfig({
    coordinator: String(options.coordinator),
    name: String(options.name),
    dataDir: options.dataDir ?? join(homedir(), '.understudy', `agent-${address}`),
    artifactDir: options.artifactDir ?? null,
    pricePerSecondWei: options.pricePerSecondWei,
    priceWei: options.priceWei ?? null,
    standbyWei: options.standbyWei ?? null,
    threads: Number(options.threads),
    slots: Number(options.slots),
    handicap: Number(options.handicap),
    finishMs: Number(options.finish),
    pool: (options as { pool?: unknown }).pool !== false,
    backends: options.backend,
    witnessLimitMs: Number(options.witnessLimit),
    witnessMemoryMb: Number(options.witnessMemory),
  });
}

interface Accounts {
  account: Account;
  owner: Account | null;
  ownerAddress: Address | null;
}

async function accountsOf(options: Options): Promise<Accounts> {
  const { accountOf } = await import('#agent/client/account.js');
  const { openKeyFile } = await import('#agent/client/keyFile.js');
  const { ConfigError, parseAddress } = await import('#agent/config.js');
  const fromEnvironment = process.env.UNDERSTUDY_KEY;
  // Neither this process's children nor a dump of its environment need the key.
  delete process.env.UNDERSTUDY_KEY;
  if (!options.keyFile && !fromEnvironment) throw new ConfigError('give --key-file or set UNDERSTUDY_KEY');
  const account = options.keyFile ? openKeyFile(options.keyFile) : accountOf(fromEnvironment!);
  const owner = options.ownerKeyFile ? openKeyFile(options.ownerKeyFile) : null;
  const ownerAddress = options.owner === undefined ? null : parseAddress(options.owner);
  if (owner && ownerAddress && owner.address !== ownerAddress) {
    throw new ConfigError(`--owner-key-file holds the key of ${owner.address}, not of --owner ${ownerAddress}`);
  }
  return { account, owner, ownerAddress };
}

async function runWith(options: Options): Promise<void> {
  const accounts = await accountsOf(options);
  const config = await settingsOf(options, accounts.account.address);
  const [{ runAgent }, { jsonLog }] = await Promise.all([import('#agent/main.js'), import('#agent/log.js')]);
  const stop = new AbortController();
  let stoppedMs = 0;
  const onSignal = () => {
    if (!stop.signal.aborted) stoppedMs = performance.now();
    else if (performance.now() - stoppedMs > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const log = jsonLog((line) => process.stdout.write(`${line}\n`));
  try {
    await runAgent(config, { ...accounts, log, signal: stop.signal });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/**
 * `understudy agent`: runs a prover until it is stopped.
 * @param args - what follows the subcommand's name
 * @returns the exit code
 */
export async function run(args: string[]): Promise<number> {
  const command = await commandOf(runWith);
  try {
    await command.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    const { code, exitCode, name, message } = error as Error & { code?: string; exitCode?: number };
    if (code?.startsWith('commander.')) return exitCode === 0 ? 0 : EXIT.usage;
    process.stderr.write(`understudy agent: ${message}\n`);
    return ['ConfigError', 'KeyFileError', 'RangeError'].includes(name) ? EXIT.usage : EXIT.failure;
  }
}
