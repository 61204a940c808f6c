/** `understudy coordinator`: runs a coordinator until it is told to stop. */
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { AlreadyRunningError } from '#journal/dataDirOwner.js';
import type { Address } from '#protocol/units.js';
import { type CoordinatorSettings, checkConfig } from '../config.js';
import type { Coordinator } from '../main.js';
import { address, collect, runProgram, wholeNumber } from './commandLine.js';

const EXAMPLES = `
Environment: DATABASE_URL (PostgreSQL 15 or newer) and REDIS_URL replace the embedded parts.

Examples:
  $ understudy coordinator --data-dir .understudy --faucet
  $ understudy coordinator --chain https://rpc.example --settlement 0x5fbdb2315678afecb367f032d93f642f64180aa3
  $ DATABASE_URL=postgres://market@db/understudy REDIS_URL=redis://queue understudy coordinator --port 8787`;

/** How long a start may go on after the signal to stop, in milliseconds. */
const START_ENDS_WITHIN_MS = 5_000;

interface CoordinatorFlags {
  dataDir: string;
  host: string;
  port: number;
  origin: string;
  chainId: number;
  faucet?: true;
  parameters?: string;
  verifierThreads: number;
  artifactMb: number;
  rateLimit: number;
  publicUrl?: string;
  trustProxy?: true;
  metrics?: true;
  metricsPort?: number;
  cosigner?: string[];
  chain: string[];
  settlement?: Address;
  settlementBlock?: number;
  chainKeyFile?: string;
  confirmations: number;
  epochSec: number;
  chainPollMs: number;
  maxFeeGwei: number;
  logLevel: string;
}

/** Runs the subcommand: returns when the coordinator was stopped by a signal (0), or has failed (1). */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy coordinator')
    .description('Runs a coordinator. Any number of them may share one database.')
    .option('--data-dir <folder>', 'keys and, without DATABASE_URL, the embedded database', '.understudy')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 chooses a free one', wholeNumber(0, 65_535), 8787)
    .option('--origin <name>', 'name of the log, without scheme', 'localhost/understudy')
    .option('--chain-id <id>', 'chain id of the signing domain', wholeNumber(1, Number.MAX_SAFE_INTEGER), 31_337)
    .option('--faucet', 'open a demo market: anybody may draw money')
    .option('--parameters <json>', 'changes to the parameters of a new market, as JSON')
    .option('--verifier-threads <count>', 'threads that check zkProofs', wholeNumber(1, 64), 1)
    .option('--artifact-mb <mb>', 'largest file of a circuit that requesters may upload', wholeNumber(1, 65_536), 512)
    .option('--rate-limit <count>', 'requests a second and address; 0 is off', wholeNumber(0, 1_000_000), 600)
    .option('--public-url <url>', 'the address that clients use, when it differs from the one listened on')
    .option(
      '--cosigner <address and key...>',
      'a third party that cosigns checkpoints, as “<url> <key>”; see cosign --help',
    )
    .option(
      '--chain <url>',
      'JSON-RPC of the chain that holds the market’s money; again for further providers',
      collect,
      [],
    )
    .option('--settlement <address>', 'its settlement contract: see settlement deploy', address)
    .option('--settlement-block <number>', 'the block that it was deployed in', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option(
      '--chain-key-file <file>',
      'key that signs vouchers and pays for gas (default: chain-key.json in the data folder)',
    )
    .option('--confirmations <blocks>', 'blocks on a deposit before it is credited', wholeNumber(1, 100_000), 12)
    .option('--epoch-sec <seconds>', 'between two balance roots', wholeNumber(1, 604_800), 3_600)
    .option('--chain-poll-ms <ms>', 'between two looks at the chain', wholeNumber(100, 600_000), 4_000)
    .option('--max-fee-gwei <gwei>', 'the most that is paid for a unit of gas', wholeNumber(1, 1_000_000), 500)
    .option('--metrics-port <port>', 'serve Prometheus metrics at 127.0.0.1:<port>/metrics', wholeNumber(0, 65_535))
    .option('--metrics', 'log event loop delay and memory whenever no block is open any more')
    .option('--trust-proxy', 'take clients’ addresses from x-forwarded-for, behind a proxy that sets it')
    .option('--log-level <level>', 'debug, info, warn, error or silent', 'info')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: CoordinatorFlags) => {
      exitCode = await serve(settingsOf(flags));
    });
  return runProgram(program, args, () => exitCode);
}

function settingsOf({
  rateLimit,
  parameters,
  faucet,
  metrics,
  publicUrl,
  logLevel,
  artifactMb,
  cosigner,
  chain,
  epochSec,
  ...flags
}: CoordinatorFlags) {
  const settings: CoordinatorSettings = {
    ...flags,
    faucet: faucet ?? false,
    metrics: metrics ?? false,
    rateLimitPerSec: rateLimit,
    cosigners: cosigner ?? [],
    chainUrls: chain,
    epochMs: epochSec * 1_000,
    artifactBytesMax: artifactMb * 1_048_576,
    logLevel: logLevel as 'info',
    parameters: parameters ? JSON.parse(parameters) : {},
  };
  if (publicUrl) settings.publicUrl = publicUrl;
  if (process.env.DATABASE_URL) settings.databaseUrl = process.env.DATABASE_URL;
  if (process.env.REDIS_URL) settings.redisUrl = process.env.REDIS_URL;
  return checkConfig(settings);
}

async function serve(config: ReturnType<typeof checkConfig>): Promise<number> {
  const { startCoordinator } = await import('../main.js');
  const stopped = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(0));
  });
  try {
    const starting = startCoordinator(config);
    const coordinator = await Promise.race([starting, stopped]);
    if (typeof coordinator === 'number') {
      await stopBeforeServing(starting);
      return coordinator;
    }
    const failed = coordinator.failed.then((error) => {
      console.error(`understudy coordinator: ${error.message}`);
      return 1;
    });
    const exitCode = await Promise.race([stopped, failed]);
    await coordinator.close();
    return exitCode;
  } catch (error) {
    if (!(error instanceof AlreadyRunningError)) throw error;
    console.error(`understudy coordinator: ${error.message}`);
    return 1;
  }
}

/** A start that waits for a server that is away, such as Redis, may never end; nothing is acknowledged before it has. */
async function stopBeforeServing(starting: Promise<Coordinator>): Promise<void> {
  const isUp = await Promise.race([starting.then(() => true), delay(START_ENDS_WITHIN_MS, false, { ref: false })]);
  if (isUp) await (await starting).close();
}
