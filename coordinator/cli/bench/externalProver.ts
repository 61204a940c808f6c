/** What an agent adds to the work of an external prover that takes no time itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseTemplate } from '#agent/proving/backends/commandTemplate.js';
import { GuardedWitness, WITNESS_LIMITS } from '#agent/proving/guardedWitness.js';
import { createProver, type Prover, sharedBytes } from '#agent/proving/prover.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { type BenchAgent, openBenchMarket, readExampleBlock, startBenchAgents } from './benchMarket.js';
import { runBlock } from './blockThroughMarket.js';
import { median } from './measure.js';
import { type AtEnd, temporaryHome } from './temporary.js';

/** Jobs of the example block that goes through the market. */
const JOBS = 4;
/** Runs of the program alone, for what its process takes. */
const PROCESSES = 9;
/** Where the program notes what it took; see preparedProver.ts. */
const TIMES_FILE = 'times.txt';

/** Copies its first argument to its second. */
const COPY = 'cp "$0" "$1"';

const PREPARED_PROVER = fileURLToPath(new URL('./preparedProver.js', import.meta.url));

export interface ExternalCost {
  /** Of each zkProof: all but the witness and a program that copies a file, in milliseconds. */
  aloneMs: number[];
  /** Mean of a market's jobs: from one to the next, without witness and the program's process, in milliseconds. */
  inMarketMs: number;
  witnessMs: number;
  /** Processor time of this process for one zkProof, without its witness: what other work disturbs least. */
  ownCpuMs: number;
  /** The check of a zkProof, which is part of both, in milliseconds. */
  checkMs: number;
}

/**
 * Measures an agent's own time in two ways: of the prover alone, with `cp` as the external program; and of a whole agent
 * in a market, whose program has the zkProofs of a block at hand since it proved the same block before.
 */
export async function measureExternal(atEnd: AtEnd, repetitions: number, blocks: number): Promise<ExternalCost> {
  const home = temporaryHome(atEnd);
  const alone = await measureAlone(atEnd, home, repetitions);
  const inMarketMs = await measureInMarket(atEnd, home, blocks);
  return { ...alone, inMarketMs };
}

async function measureAlone(
  atEnd: AtEnd,
  home: string,
  repetitions: number,
): Promise<Omit<ExternalCost, 'inMarketMs'>> {
  const files = circuitFiles();
  const [wasm, verificationKey] = [readFileSync(files.wasm), JSON.parse(readFileSync(files.verificationKey, 'utf8'))];
  const snarkjs = createProver({ wasm, zkey: readFileSync(files.zkey), verificationKey, threads: 2 });
  atEnd(() => snarkjs.close());
  const { zkProof } = await snarkjs.prove(sampleInput());
  await snarkjs.close();
  const sample = join(home, 'sample.json');
  writeFileSync(sample, JSON.stringify(zkProof));
  const template = parseTemplate(`sh -c '${COPY}' "${sample}" {zkProof} {witness}`);
  const command = { template, zkeyPath: files.zkey, workDir: join(home, 'work') };
  const options = { wasm, zkey: null, command, verificationKey, threads: 1 };
  const [checking, unchecking] = [createProver(options), createProver({ ...options, selfCheck: false })];
  atEnd(() => checking.close());
  atEnd(() => unchecking.close());
  const witness = new GuardedWitness(sharedBytes(wasm), WITNESS_LIMITS);
  atEnd(() => witness.close());
  const times = { own: [] as number[], unchecked: [] as number[], witness: [] as number[], cpu: [] as number[] };
  for (let turn = -2; turn < repetitions; turn += 1) {
    const [with_, without] = [await ownTime(checking), await ownTime(unchecking)];
    const witnessCpuMs = await cpuMs(() => witness.generate(sampleInput()));
    if (turn < 0) continue;
    // Beside each, so that other work on the machine meets both alike.
    const bareMs = await bareCopyMs(sample, join(home, 'copy.json'));
    times.own.push(with_.ownMs - bareMs);
    times.unchecked.push(without.ownMs - bareMs);
    times.cpu.push(with_.cpuMs - witnessCpuMs);
    times.witness.push(with_.witnessMs);
  }
  const checkMs = median(times.own) - median(times.unchecked);
  return { aloneMs: times.own, witnessMs: median(times.witness), ownCpuMs: median(times.cpu), checkMs };
}

/** The same program called by nobody but this process, in milliseconds. */
async function bareCopyMs(from: string, to: string): Promise<number> {
  const startedMs = performance.now();
  await once(spawn('sh', ['-c', COPY, from, to], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedMs;
}

async function ownTime(prover: Prover): Promise<{ ownMs: number; witnessMs: number; cpuMs: number }> {
  let witnessMs = 0;
  const startedMs = performance.now();
  const spentMs = await cpuMs(async () => {
    ({ witnessMs } = await prover.prove(sampleInput()));
  });
  return { ownMs: performance.now() - startedMs - witnessMs, witnessMs, cpuMs: spentMs };
}

/** Processor time that this process spends on a piece of work, on all its threads, in milliseconds. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

async function measureInMarket(atEnd: AtEnd, home: string, blocks: number): Promise<number> {
  const market = await openBenchMarket(atEnd);
  const known = join(home, 'known');
  mkdirSync(known);
  const program = `"${process.execPath}" "${PREPARED_PROVER}" "${known}" {zkey} {witness} {zkProof}`;
  const agents = await startBenchAgents(atEnd, market, [1], ['--backend', `*=${program}`]);
  console.log('the external prover makes the zkProofs of a block, to have them at hand afterwards ...');
  await runBlock(atEnd, market, agents, readExampleBlock(8));
  const before = turnsOf(agents[0]!).length;
  for (let block = 0; block < blocks; block += 1) await runBlock(atEnd, market, agents, readExampleBlock(8));
  const turns = turnsOf(agents[0]!).slice(before);
  if (turns.length !== blocks * (JOBS - 1)) throw new Error(`the agent's log has ${turns.length} turns`);
  const turnMs = turns.reduce((total, { ms }) => total + ms, 0) / turns.length;
  const witnessMs = turns.reduce((total, one) => total + one.witnessMs, 0) / turns.length;
  const programMs = programTimes(known).slice(-blocks * JOBS);
  const bareMs = programMs.reduce((total, ms) => total + ms, 0) / programMs.length;
  const processMs = await processCost(home, known);
  const parts = { 'a turn': turnMs, witness: witnessMs, program: bareMs, 'its process': processMs };
  const words = Object.entries(parts).map(([name, ms]) => `${name} ${ms.toFixed(1)}`);
  console.log(`in the market, mean of ${turns.length}, in ms: ${words.join(', ')}`);
  return turnMs - witnessMs - bareMs - processMs;
}

/** What a process of the program takes before it begins to count and after it has, called by nobody's agent; milliseconds. */
async function processCost(home: string, known: string): Promise<number> {
  const { wasm, zkey } = circuitFiles();
  const generator = new GuardedWitness(sharedBytes(readFileSync(wasm)), WITNESS_LIMITS);
  const witness = join(home, 'sample.wtns');
  writeFileSync(witness, await generator.generate(sampleInput()));
  await generator.close();
  const costs: number[] = [];
  for (let turn = -1; turn < PROCESSES; turn += 1) {
    const startedMs = performance.now();
    const args = [PREPARED_PROVER, known, zkey, witness, join(home, 'sample.out.json')];
    await once(spawn(process.execPath, args, { stdio: 'ignore' }), 'exit');
    const wholeMs = performance.now() - startedMs;
    // The first one makes the zkProof.
    if (turn >= 0) costs.push(wholeMs - programTimes(known).at(-1)!);
  }
  return median(costs);
}

/** What the program says that it took, oldest first, in milliseconds. */
function programTimes(known: string): number[] {
  return readFileSync(join(known, TIMES_FILE), 'utf8').trim().split('\n').map(Number);
}

/** The turns of an agent that is never without work within a block: from one zkProof made to the next. */
function turnsOf(agent: BenchAgent): { ms: number; witnessMs: number }[] {
  const made = agent.readLog().filter(({ event }) => event === 'proofMade');
  const pairs = made.slice(1).map((later, index) => [made[index]!, later] as const);
  const blockOf = (line: (typeof made)[number]) => String(line.jobId).split('.')[0];
  return pairs
    .filter(([earlier, later]) => blockOf(earlier) === blockOf(later))
    .map(([earlier, later]) => ({ ms: Number(later.atMs) - Number(earlier.atMs), witnessMs: Number(later.witnessMs) }));
}
