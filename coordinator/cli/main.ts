/** The `understudy` command: one file a subcommand, loaded only when it is called, so that the agent stays light. */

interface Subcommand {
  summary: string;
  load(): Promise<{ run(args: string[]): Promise<number> }>;
}

const SUBCOMMANDS: Record<string, Subcommand> = {
  start: { summary: 'run the whole demo market on this machine', load: () => import('./start/start.js') },
  coordinator: { summary: 'run a coordinator', load: () => import('./coordinator.js') },
  agent: { summary: 'run a prover agent', load: () => import('./agent.js') },
  submit: { summary: 'submit a block or inputs and wait for the zkProofs', load: () => import('./submit.js') },
  withdraw: { summary: 'take back what nobody has been awarded of a block', load: () => import('./withdraw.js') },
  block: { summary: 'make example blocks, check block files', load: () => import('./block.js') },
  bundle: { summary: 'write the zkProofs of a proven block', load: () => import('./bundle.js') },
  circuit: { summary: 'list, add, build and verify circuits', load: () => import('./circuit.js') },
  account: { summary: 'keys, balances, demo money, deposits, withdrawals', load: () => import('./account.js') },
  settlement: { summary: 'deploy the contract that holds a market’s money', load: () => import('./settlement.js') },
  fsck: { summary: 'compare a database with the fold of its log', load: () => import('./fsck.js') },
  backup: { summary: 'copy a data folder with its database', load: () => import('./backup.js') },
  restore: {
    summary: 'bring a backup back',
    load: async () => ({ run: (await import('./backup.js')).runRestore }),
  },
  audit: { summary: 'check a whole market, offline and without trust', load: () => import('./audit.js') },
  export: { summary: 'copy a log into a folder, checked, to audit or carry on', load: () => import('./export.js') },
  import: { summary: 'carry a market on from an export, as another operator', load: () => import('./import.js') },
  cosign: { summary: 'cosign checkpoints of logs that only grow', load: () => import('./cosign.js') },
  'check-bids': { summary: 'hold a log against a prover’s receipts of bids', load: () => import('./checkBids.js') },
  log: { summary: 'list a market’s logs, close one and open the next', load: () => import('./log.js') },
  parameters: { summary: 'show a market’s parameters, or change them', load: () => import('./parameters.js') },
  simulate: {
    summary: 'search for faults, compare mechanisms, under virtual time',
    load: () => import('./simulate.js'),
  },
  bench: { summary: 'measure, against what stands beside it', load: () => import('./bench/bench.js') },
};

const HELP = `Understudy: a marketplace for zero-knowledge proofs.

Usage: understudy <command> [options]

Commands:
${Object.entries(SUBCOMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}

Every command has --help with an example. Begin with:
  $ understudy start --once`;

/** Runs a subcommand and ends the process with its exit code. */
export async function main(args: string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(HELP);
    return;
  }
  const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (!subcommand) {
    console.error(`understudy: there is no command ${JSON.stringify(name)}; see understudy --help`);
    process.exitCode = 1;
    return;
  }
  if (process.env.UNDERSTUDY_STOP_WITH_STDIN) stopWithStdin();
  endWithReader();
  try {
    process.exit(await (await subcommand.load()).run(rest));
  } catch (error) {
    console.error(`understudy ${name}: ${error instanceof Error ? error.message : String(error)}`);
    if (process.env.UNDERSTUDY_TRACE) console.error(error);
    process.exit(1);
  }
}

/** What was killed by SIGPIPE ends with, as a shell says it. */
const NO_READER = 141;

/** Whoever has read enough, as `head` has, is no failure: the process ends as others do then. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(NO_READER);
    throw error;
  });
}

/** A process that the demo started ends cleanly when the demo is gone, however that ended. */
function stopWithStdin(): void {
  process.stdin.on('error', () => {});
  process.stdin.once('close', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
}
