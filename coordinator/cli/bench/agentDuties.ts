/** What an agent takes of its machine beside proving: idle, while it proves for a market, and at a warm start. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { startChild } from '../start/childProcess.js';
import { type BenchAgent, openBenchMarket, readExampleBlock, startBenchAgents } from './benchMarket.js';
import { runBlock } from './blockThroughMarket.js';
import { median } from './measure.js';
import { residentMb } from './residentMemory.js';
import type { AtEnd } from './temporary.js';

/** How soon the measured agent rests, in milliseconds. */
const REST_AFTER_MS = 3_000;
/** From its rest to the measurement: threads that were ended are gone some time later, in milliseconds. */
const SETTLE_MS = 4_000;

/** What an agent takes; times are milliseconds, memory MiB. */
export interface AgentDuties {
  /** Resident memory of an agent that has proven and has nothing to do. */
  idleMb: number;
  /** Processor time of all its threads while it has nothing to do, as a share of one core. */
  idleCoreShare: number;
  /** Processor time of its main thread, which does all but witnesses and zkProofs, against its time of proving. */
  dutiesShare: number;
  /** From the start of the process to the feed, when it may bid, at later starts. */
  warmStartMs: number;
}

/**
 * Measures a real agent in a market of its own. Reads Linux's record of processes; elsewhere there is nothing to measure.
 * @param options - seconds of idleness, blocks of eight transfers, and warm starts
 */
export async function measureDuties(
  atEnd: AtEnd,
  { idleMs, blocks, starts }: { idleMs: number; blocks: number; starts: number },
): Promise<AgentDuties | null> {
  if (process.platform !== 'linux') return null;
  // As the systemd unit and the image of the agent set them: glibc would keep the memory of provers at rest.
  Object.assign(process.env, { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576' });
  const market = await openBenchMarket(atEnd);
  const [agent] = (await startBenchAgents(atEnd, market, [1], ['--rest-after', String(REST_AFTER_MS)])) as [BenchAgent];
  await restOf(agent);
  const { pid } = agent.child;
  const idleBefore = cpuMsOf(`/proc/${pid}/stat`);
  await delay(idleMs);
  const idleCoreShare = (cpuMsOf(`/proc/${pid}/stat`) - idleBefore) / idleMs;
  const mainThread = `/proc/${pid}/task/${pid}/stat`;
  const before = cpuMsOf(mainThread);
  for (let block = 0; block < blocks; block += 1) await runBlock(atEnd, market, [agent], readExampleBlock(8));
  const dutiesMs = cpuMsOf(mainThread) - before;
  const made = agent.readLog().filter(({ event }) => event === 'proofMade');
  const workMs = made.reduce((sum, { witnessMs, provingMs }) => sum + Number(witnessMs) + Number(provingMs), 0);
  console.log(`${made.length} zkProofs in ${workMs} ms; the main thread took ${dutiesMs} ms`);
  await restOf(agent);
  const idleMb = await residentMb(pid);
  await agent.child.stop('cleanly');
  const startMs: number[] = [];
  for (let start = 0; start < starts; start += 1) startMs.push(await warmStartMs(atEnd, agent));
  return { idleMb, idleCoreShare, dutiesShare: dutiesMs / workMs, warmStartMs: median(startMs) };
}

/** Waits until an agent has let its provers go, and their memory has come back. */
async function restOf(agent: BenchAgent): Promise<void> {
  const isResting = () => {
    const news = agent
      .readLog()
      .filter(({ event }) => event === 'resting' || event === 'awake' || event === 'proofMade');
    return news.at(-1)?.event === 'resting';
  };
  while (!isResting()) await delay(200);
  await delay(SETTLE_MS);
}

async function warmStartMs(atEnd: AtEnd, agent: BenchAgent): Promise<number> {
  const startedMs = performance.now();
  const child = startChild(agent.args, agent.logFile);
  atEnd(() => child.stop('atOnce'));
  await child.waitFor(({ event }) => (event === 'feedConnected' ? true : undefined));
  const tookMs = performance.now() - startedMs;
  await child.stop('cleanly');
  return tookMs;
}

/** Milliseconds of a clock tick in Linux's record of processes. */
const TICK_MS = 10;

/** Processor time from a `stat` file of a process or thread, in milliseconds. */
function cpuMsOf(path: string): number {
  const text = readFileSync(path, 'utf8');
  // The name, in brackets, may hold blanks; user and system time are the 12th and 13th behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
