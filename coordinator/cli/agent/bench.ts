/** `understudy agent bench`: what this machine makes of each accepted circuit, in all ways to use it. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { Command } from 'commander';
import { whyUnwanted } from '#agent/bidding/priceOverride.js';
import { takeLock } from '#agent/client/lockFile.js';
import { type AgentConfig, agentPaths, ConfigError } from '#agent/config.js';
import { acceptanceOf, passedBy } from '#agent/proving/acceptance.js';
import { type BenchResult, readBench, writeBench } from '#agent/proving/bench/benchFile.js';
import { type BenchWay, waysOf } from '#agent/proving/bench/benchPlan.js';
import { benchMarkdown, benchText } from '#agent/proving/bench/benchTable.js';
import { measureCircuit } from '#agent/proving/bench/measureCircuit.js';
import { Measurements } from '#agent/proving/measurements.js';
import type { WitnessInput } from '#agent/proving/prover.js';
import { ProvingTimes, summariseTimes } from '#agent/proving/provingTimes.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { CircuitView } from '#protocol/views.js';
import { connect, wholeNumber } from '../commandLine.js';
import { ProgressBar } from '../progressBar.js';
import { openProverAccount } from './agentAccounts.js';
import { addSettingFlags, type FlagValues, settingsFrom, withDataDir } from './settingFlags.js';

const EXAMPLES = `
Examples:
  understudy agent bench --config agent.toml
  understudy agent bench --config agent.toml --cores 4 --rounds 10
  understudy agent bench --config agent.toml --show --markdown        (what was measured last, as a table for documents)

Nothing else should run meanwhile; the agent itself must be stopped. What is measured is what the agent promises from its
next start on: it does not measure again.
`;

const ROUNDS = 5;

interface BenchOptions {
  cores?: number;
  rounds: number;
  show?: boolean;
  markdown?: boolean;
  json?: boolean;
  note: string;
}

/** The command with its flags. */
export function benchCommand(): Command {
  const command = new Command('understudy agent bench')
    .description(
      'Measures witness, proving time and peak memory of each accepted circuit for threads and zkProofs at once, ' +
        'recommends a plan for latency and one for throughput, and keeps the result for the bids.',
    )
    .option('--cores <n>', 'use so many cores at most; default: all', wholeNumber(1, 64))
    .option('--rounds <n>', 'zkProofs on each slot in each way', wholeNumber(1, 1_000), ROUNDS)
    .option('--show', 'print what was measured last, and how estimates came out, and measure nothing')
    .option('--markdown', 'print a table in Markdown')
    .option('--json', 'print the result as JSON')
    .option('--note <text>', 'say something of the machine in the table, such as "shared"', '')
    .addHelpText('after', EXAMPLES)
    .action((values: FlagValues) => bench(values));
  return addSettingFlags(command);
}

async function bench(values: FlagValues): Promise<void> {
  const options = values as unknown as BenchOptions;
  const settings = settingsFrom(values);
  const address = settings.dataDir === null ? (await openProverAccount(settings)).address : '';
  const config = withDataDir(settings, address);
  const paths = agentPaths(config.dataDir);
  const result = options.show ? readBench(paths.bench) : await measureAll(config, options);
  if (!result) throw new ConfigError(`nothing has been measured in ${config.dataDir} yet: run understudy agent bench`);
  if (options.json) return print(JSON.stringify(result, null, 2));
  if (options.markdown) return print(benchMarkdown(result));
  print(benchText(result));
  for (const { circuitId, proofs, kept, medianPct, p95Pct } of summariseTimes(
    new ProvingTimes(paths.provingTimes).read(),
  )) {
    const name = result.circuits.find((one) => one.circuitId === circuitId)?.name ?? circuitId;
    print(
      `\nJobs of ${name} so far: ${kept} of ${proofs} within the promise; ` +
        `took ${medianPct} % of what was expected in the median, ${p95Pct} % at p95.`,
    );
  }
}

async function measureAll(config: AgentConfig, options: BenchOptions): Promise<BenchResult> {
  const paths = agentPaths(config.dataDir);
  const release = takeLock(paths.lock);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const bar = new ProgressBar(process.stderr);
  try {
    const circuits = await acceptedCircuits(config);
    const ways = waysOf(options.cores ?? availableParallelism());
    const result: BenchResult = { measuredAtMs: Date.now(), machine: machineOf(options), circuits: [] };
    const watch = progressOf(bar, circuits.length, ways, options.rounds);
    const measurements = new Measurements(paths.measurements);
    for (const circuit of circuits) {
      const { rounds } = options;
      const measured = await measureCircuit({
        circuit,
        config,
        ways,
        rounds,
        measurements,
        sampleOf: (one) => sampleOf(config, one),
        signal: stop.signal,
        ...watch,
      });
      if (stop.signal.aborted)
        throw new Error('stopped; what was measured so far of finished ways is kept for the bids');
      result.circuits.push(measured);
      // Written after each circuit: the next one may take this process along.
      writeBench(paths.bench, result);
    }
    return result;
  } finally {
    bar.clear();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    release();
  }
}

/** A sample of a circuit, held against the hash in the log; null when it came without. */
async function sampleOf(config: AgentConfig, { circuitId, samples }: CircuitView): Promise<WitnessInput | null> {
  const [sample] = samples;
  if (!sample) return null;
  const params = { circuitId, index: '0' };
  const { input } = await connect(config.coordinator).call('getSample', { params });
  if (contentHashOf(input) !== sample.inputHash) throw new Error(`the sample of ${circuitId} has another hash`);
  return input;
}

/** The circuits that the agent would serve by its settings. */
async function acceptedCircuits(config: AgentConfig): Promise<CircuitView[]> {
  const { circuits } = await connect(config.coordinator).call('listCircuits', {});
  // What does not fit in as many slots as are set may fit in fewer.
  const acceptance = { ...acceptanceOf(config), slots: 1 };
  const accepted = circuits.filter((circuit) => {
    const work = { circuitId: circuit.circuitId, circuitName: circuit.name, requester: null };
    return passedBy(circuit, acceptance) === null && whyUnwanted(config, work) === null;
  });
  if (accepted.length === 0) throw new ConfigError(`${config.coordinator} has no circuit that these settings accept`);
  return accepted;
}

function machineOf({ note }: BenchOptions): BenchResult['machine'] {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() || 'unknown processor',
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 1_048_576),
    node: process.versions.node,
    note,
  };
}

/** Draws how far all of it is on a terminal; elsewhere says which way is begun. */
function progressOf(bar: ProgressBar, circuits: number, ways: readonly BenchWay[], rounds: number) {
  const all = circuits * ways.reduce((sum, { slots }) => sum + slots * (rounds + 1), 0);
  let done = 0;
  let text = '';
  const draw = () => bar.show(done / all, text);
  return {
    onWay: (name: string, { threads, slots }: BenchWay) => {
      text = `${name}: ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${slots} at once`;
      if (bar.isVisible) draw();
      else process.stderr.write(`${text}\n`);
    },
    onProof: () => {
      done += 1;
      draw();
    },
  };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
