/** `understudy start`: the whole market on this machine, from an example block to the replayed log. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { RequesterClient } from '#client/requesterClient.js';
import { AlreadyRunningError, claimDataDir } from '#journal/dataDirOwner.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { TRANSFERS_PER_CHUNK } from '#protocol/rollup/rollupLimits.js';
import type { Hex } from '#protocol/units.js';
import type { JobView, ProgressView } from '#protocol/views.js';
import { runProgram, wholeNumber } from '../commandLine.js';
import { StepLines } from '../stepLines.js';
import { type DemoMarket, startDemoMarket } from './demoMarket.js';
import { LiveView } from './liveView.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const EXAMPLE_BLOCK = join(ROOT, 'circuits/examples/block-8.json');

/** Pause between two looks at the block, in milliseconds. */
const LOOK_MS = 400;
const BID_WINDOW_MS = 1_500;

/** The most that the demo's requester pays for a job, and what a miss costs it. */
const MAX_PRICE_WEI = 300_000_000_000_000n;

/** `--kill-primary` strikes when a zkProof is this far. */
const KILL_AT_PPM = 250_000;

const EXAMPLES = `
Examples:
  $ understudy start --once
  $ understudy start --once --kill-primary --report report.json
  $ understudy start --once --chain anvil
  $ understudy start --block circuits/examples/block-64.json --agents 2`;

interface StartFlags {
  block: string;
  agents: number;
  once?: true;
  report?: string;
  killPrimary?: true;
  port: number;
  home: string;
  chain?: 'anvil';
}

/** Runs the subcommand. @returns 0 when every job was proven and the log replays, 1 otherwise */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy start')
    .description('Runs a whole market on this machine: database, coordinator, agents, and one block to prove.')
    .option('--block <file>', 'block file to submit', EXAMPLE_BLOCK)
    .option('--agents <count>', 'how many agents', wholeNumber(1, 16), 3)
    .option('--once', 'end when the block has ended, also on a terminal')
    .option('--report <file>', 'write everything that the table shows, with the bundle of zkProofs, as JSON')
    .option('--kill-primary', 'kill one primary in the middle of its zkProof, and watch its backup take over')
    .option('--port <port>', 'port of the API', wholeNumber(0, 65_535), 8787)
    .addOption(new Option('--chain <node>', 'put the money on an EVM node that is started here').choices(['anvil']))
    .option('--home <folder>', 'where the market is kept', join(ROOT, '.understudy'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: StartFlags) => {
      // A market has demo money or a chain for ever: each has a folder of its own.
      exitCode = await start(flags.chain ? { ...flags, home: `${flags.home}-${flags.chain}` } : flags);
    });
  return runProgram(program, args, () => exitCode);
}

async function start(flags: StartFlags): Promise<number> {
  const blockFile: unknown = JSON.parse(await readFile(flags.block, 'utf8'));
  let release: () => Promise<void>;
  await mkdir(join(flags.home, 'start'), { recursive: true, mode: 0o700 });
  try {
    release = await claimDataDir(join(flags.home, 'start'));
  } catch (error) {
    if (!(error instanceof AlreadyRunningError)) throw error;
    console.error(`A market is running here already (process ${error.ownerPid}). Stop it with Ctrl-C in its terminal.`);
    return 1;
  }
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const interrupted = new Promise<'interrupted'>((resolve) => {
    interrupt.signal.addEventListener('abort', () => resolve('interrupted'));
  });
  const view = new LiveView(process.stdout.isTTY === true, (text) => process.stdout.write(text));
  const begun = startDemoMarket({
    home: flags.home,
    port: flags.port,
    agentCount: flags.agents,
    withChain: flags.chain !== undefined,
    say: (text) => view.say(text),
    signal: interrupt.signal,
  });
  try {
    const market = await Promise.race([begun, interrupted]);
    if (market === 'interrupted') return 130;
    const died = market.coordinator.ended.then(() => {
      if (!interrupt.signal.aborted)
        throw new Error(`the coordinator has ended; see ${join(flags.home, 'coordinator.log')}`);
      return 'interrupted' as const;
    });
    const outcome = await Promise.race([
      proveBlock(market, blockFile, flags, view, interrupt.signal),
      interrupted,
      died,
    ]);
    if (outcome === 'interrupted') return 130;
    if (process.stdout.isTTY && !flags.once) {
      view.say(
        `\nThe market stays up: look at it in a browser at ${market.url}, its API is documented at ${market.url}/docs. Ctrl-C stops it.`,
      );
      await Promise.race([interrupted, died]);
    }
    return outcome;
  } finally {
    interrupt.abort();
    await begun.then(
      (market) => market.stop(),
      () => {},
    );
    await release();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** Submits the block, or carries on with the one that was left unfinished, and reports its end. */
async function proveBlock(
  market: DemoMarket,
  blockFile: unknown,
  flags: StartFlags,
  view: LiveView,
  signal: AbortSignal,
): Promise<number> {
  const open = await unfinishedBlock(market);
  const label = open?.label ?? basename(flags.block, '.json');
  const blockId = open?.blockId ?? (await submitDemoBlock(market, blockFile, label));
  view.say(open ? `carrying on with block ${blockId}` : `submitted ${label} as block ${blockId}`);
  await watchBlock(market, blockId, label, flags, view, signal);
  if (signal.aborted) return 130;
  const parties = [
    { name: 'requester', address: market.requester.address },
    ...market.agents.map(({ name, address }) => ({ name, address })),
  ];
  // Replay and verifier are wanted only now: at the start they would hold up the first round.
  const { reportText, summarize } = await import('./summary.js');
  const report = await summarize(market.client, blockId, label, parties);
  view.say(reportText(report));
  if (market.chain) {
    view.say('');
    await market.chain.show(market.client, parties, (text) => view.say(text));
  }
  if (flags.report) {
    await writeFile(flags.report, `${JSON.stringify(report, null, 2)}\n`);
    view.say(`the report is in ${flags.report}`);
  }
  return report.replay.ok && report.bundle.complete ? 0 : 1;
}

async function unfinishedBlock({ client, requester }: DemoMarket): Promise<{ blockId: Hex; label: string } | null> {
  const { blocks } = await client.call('listBlocks', { query: { requester: requester.address, limit: 20 } });
  const open = blocks.find(({ status }) => status === 'open');
  return open ? { blockId: open.blockId, label: open.request.label } : null;
}

/**
 * Submits with a deadline that leaves time to prove every job twice, as the agents promise it, and a third more: enough
 * to cover each job, and too little for the cheapest agent to take them all.
 */
async function submitDemoBlock(
  { client, requester, agents, chain }: DemoMarket,
  blockFile: unknown,
  label: string,
): Promise<Hex> {
  const market = await client.call('getMarket', {});
  const transfers = (blockFile as { transfers?: unknown[] }).transfers?.length ?? 0;
  const jobCount = Math.max(1, Math.ceil(transfers / TRANSFERS_PER_CHUNK));
  const promisedMs = agents.map((agent) => agent.promisedMs);
  const meanMs = promisedMs.reduce((sum, ms) => sum + ms, 0) / agents.length;
  const provingMs = (2.6 * jobCount * meanMs) / agents.length + Math.max(...promisedMs);
  const terms = blockTerms({
    label,
    deadlineMs: market.nowMs + BID_WINDOW_MS + market.parameters.deliveryMarginMs + Math.ceil(provingMs),
    bidWindowMs: BID_WINDOW_MS,
    maxPriceWei: MAX_PRICE_WEI,
    ...(chain && { settlement: 'chain' as const }),
  });
  return new RequesterClient({ client, account: requester }).submit({ file: blockFile, terms });
}

async function watchBlock(
  demo: DemoMarket,
  blockId: Hex,
  label: string,
  flags: StartFlags,
  view: LiveView,
  signal: AbortSignal,
): Promise<void> {
  const nameOf = (address: string) =>
    demo.agents.find((agent) => agent.address === address)?.name ?? address.slice(0, 10);
  let victim: DemoMarket['agents'][number] | null = null;
  const { submittedAtMs } = await demo.client.call('getBlock', { params: { blockId } });
  const steps = new StepLines((line) => view.say(line));
  while (!signal.aborted) {
    const [market, { rounds }, { jobs, progress }] = await Promise.all([
      demo.client.call('getMarket', {}),
      demo.client.call('listBlockRounds', { params: { blockId } }),
      demo.client.call('listJobs', { params: { blockId } }),
    ]);
    steps.tell(rounds, jobs);
    view.draw({ label, market, jobs, progress, submittedAtMs, nameOf });
    if (flags.killPrimary && !victim) {
      victim = findVictim(demo, jobs, progress);
      if (victim) {
        await victim.child.stop('atOnce');
        view.say(`killed ${victim.name} (process ${victim.child.pid}) in the middle of its zkProof`);
      }
    }
    if (jobs.every(({ status }) => status === 'ended')) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  if (victim && !signal.aborted) await demo.restart(victim);
}

/** A primary in the middle of a zkProof that has a backup standing by. */
function findVictim(demo: DemoMarket, jobs: JobView[], progress: ProgressView[]) {
  for (const { jobId, prover, stage, progressPpm } of progress) {
    const job = jobs.find((one) => one.jobId === jobId);
    const isMiddle = stage === 'proving' && progressPpm >= KILL_AT_PPM;
    if (!isMiddle || job?.status !== 'awarded' || job.primary?.prover !== prover) continue;
    if (job.backup?.status === 'standby') return demo.agents.find(({ address }) => address === prover) ?? null;
  }
  return null;
}
