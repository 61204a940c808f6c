/** Where provers get their inputs: at times the store has lost one, for a while or for good. */
import { assignmentOf, type MarketState } from '#market/state.js';
import type { Address } from '#protocol/units.js';
import type { World } from './world.js';
import type { Writer } from './writer.js';

/** What a prover hears: its input, or that it cannot be served. */
export type InputAnswer = 'served' | 'refused';

const LOST_MS_MAX = 20_000;

/** The store of inputs, which outlives the coordinator's process. */
export class InputStore {
  private readonly world: World;
  /** Until when a job's input is lost, Unix milliseconds; for ever, or never. */
  private readonly lostUntilMs = new Map<string, number>();

  constructor(world: World) {
    this.world = world;
  }

  /** Whether a job's input can be served now; drawn when it is asked for first. */
  has(jobId: string): boolean {
    const { fate, weather, timeline } = this.world;
    let untilMs = this.lostUntilMs.get(jobId);
    if (untilMs === undefined) {
      const isLost = this.world.stormy() && fate.chance('input lost', weather.inputLossPercent);
      const isForEver = fate.chance('input lost for ever', 40);
      untilMs = isForEver ? Number.POSITIVE_INFINITY : timeline.nowMs + fate.between('input back', 500, LOST_MS_MAX);
      if (!isLost) untilMs = 0;
      else this.world.note('fault: input lost');
      this.lostUntilMs.set(jobId, untilMs);
    }
    return timeline.nowMs >= untilMs;
  }
}

/**
 * Answers a prover that asks for its input, as `api/handlers/jobs.ts` does: a refusal is durable before it is told. There
 * is no answer when that cannot be had, and none for whoever does not hold the job.
 */
export function serveInput(
  world: World,
  { state, execute }: { state: MarketState; execute: Writer['execute'] },
  { jobId, prover }: { jobId: string; prover: Address },
  answer: (answer: InputAnswer) => void,
): void {
  const job = state.jobs.get(jobId);
  const side = job?.status === 'awarded' ? assignmentOf(job, prover)?.assignment : undefined;
  if (!side || side.status === 'gaveUp') return;
  const key = `${prover} ${jobId}`;
  const served = world.inputs.has(jobId);
  const tell = () => {
    if (served) world.refused.delete(key);
    else world.refused.add(key);
    answer(served ? 'served' : 'refused');
  };
  if (!served) world.everRefused.add(key);
  const isOnRecord = served ? side.inputRefusedAtMs === null : world.broken === 'forgetsRefusals';
  if (isOnRecord) tell();
  else execute({ kind: 'noteInput', jobId, prover, served }, null, ({ ok }) => ok && tell());
}
