import { fork } from 'node:child_process';
import { nearestRank, promisedMsOf } from '../promise.js';
import type { BenchWay, WayMeasured } from './benchPlan.js';
import type { BenchSays, BenchTask, BenchTime } from './benchWorker.js';
import { residentTreeMb } from './residentTree.js';

/** How often the memory of the process and of what it has started is looked at, in milliseconds. */
const MEMORY_EVERY_MS = 50;

/** What one way took, and all of its times for the agent to remember. */
export interface MeasuredWay {
  way: WayMeasured;
  totalsMs: number[];
}

/**
 * Measures one way to use the machine in a process of its own.
 * @param onProof - called for each zkProof that is done, those of the warming up included
 * @throws Error that says why it could not be measured; the process is gone then, as it is when aborted
 */
export async function measureWay(
  { threads, slots }: BenchWay,
  task: Omit<BenchTask, 'slots'>,
  { onProof, signal }: { onProof(): void; signal: AbortSignal },
): Promise<MeasuredWay> {
  const child = fork(new URL('./benchWorker.js', import.meta.url), { serialization: 'advanced' });
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  let peakMb = 0;
  const look = () => {
    peakMb = Math.max(peakMb, residentTreeMb(child.pid ?? 0));
  };
  const timer = setInterval(look, MEMORY_EVERY_MS);
  try {
    const done = await new Promise<Extract<BenchSays, { kind: 'done' }>>((resolve, reject) => {
      child.on('message', (says: BenchSays) => {
        if (says.kind === 'proof') onProof();
        else if (says.kind === 'done') resolve(says);
        else reject(new Error(says.reason));
      });
      child.once('error', reject);
      child.once('exit', (code, by) =>
        reject(new Error(`the measuring process ended with ${by ?? code}: out of memory?`)),
      );
      child.send({ ...task, prover: { ...task.prover, threads }, slots });
    });
    return summary({ threads, slots }, done.times, done.elapsedMs, Math.max(peakMb, done.peakMb));
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
    child.kill('SIGKILL');
  }
}

function summary(way: BenchWay, times: readonly BenchTime[], elapsedMs: number, peakMb: number): MeasuredWay {
  const of = (pick: (time: BenchTime) => number) => Math.round(nearestRank(times.map(pick), 50));
  const totalsMs = times.map(({ totalMs }) => totalMs);
  return {
    way: {
      ...way,
      witnessMs: of(({ witnessMs }) => witnessMs),
      provingMs: of(({ provingMs }) => provingMs),
      typicalMs: of(({ totalMs }) => totalMs),
      promisedMs: promisedMsOf(totalsMs),
      perMinute: Math.round((600_000 * times.length) / elapsedMs) / 10,
      peakMb: Math.round(peakMb),
    },
    totalsMs,
  };
}
