/** What an agent makes of its machine: against snarkjs alone, and beside an external prover. */
import { measureDuties } from './agentDuties.js';
import { measureExternal } from './externalProver.js';
import { type Measure, median } from './measure.js';
import { measurePlans } from './provingPlans.js';
import { withCleanUp } from './temporary.js';

const OWN_MS_MAX = 50;
const WARM_RATIO_MIN = 1.8;
const THROUGHPUT_RATIO_MIN = 1.3;
const DUTIES_PERCENT_MAX = 2;
const IDLE_MB_MAX = 120;
const IDLE_PERCENT_MAX = 1;
const WARM_START_MS_MAX = 2_000;

/**
 * Measures, on the rollup circuit:
 * - what an agent adds to each zkProof of an external prover, beside witness and prover: alone, with a program that
 *   copies a prepared zkProof, and in a market;
 * - zkProofs a minute of warm provers, one for each core, against `snarkjs groth16 fullprove`, a process for each zkProof;
 * - zkProofs a minute of warm provers, one for each core, against one of as many threads;
 * - what an agent takes beside proving: memory and processor when idle, its main thread at work, and a warm start.
 *
 * @param options - quick: fewer repetitions
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const external = await withCleanUp((atEnd) => measureExternal(atEnd, options.quick ? 8 : 24, options.quick ? 1 : 3));
  const plans = await withCleanUp((atEnd) => measurePlans(atEnd, options.quick ? 2 : 6));
  const amounts = options.quick ? { idleMs: 10_000, blocks: 1, starts: 2 } : { idleMs: 30_000, blocks: 3, starts: 5 };
  const duties = await withCleanUp((atEnd) => measureDuties(atEnd, amounts));
  const atMost = (name: string, value: number, most = OWN_MS_MAX, unit = 'ms'): Measure => {
    return { name, value, unit, target: `at most ${most}`, holds: value <= most };
  };
  const atLeast = (name: string, value: number, least: number): Measure => {
    return { name, value, unit: 'times', target: `at least ${least}`, holds: value >= least };
  };
  const info = (name: string, value: number, unit = 'ms'): Measure => {
    return { name, value, unit, target: 'for information', holds: true };
  };
  return [
    atMost('externalOwnMs', median(external.aloneMs)),
    atMost('externalOwnInMarketMs', external.inMarketMs),
    info('externalOwnCpuMs', external.ownCpuMs),
    info('externalWitnessMs', external.witnessMs),
    info('externalCheckMs', external.checkMs),
    atLeast('warmOverFullprove', plans.fullproveMs / plans.throughputMs, WARM_RATIO_MIN),
    atLeast('throughputOverLatency', plans.latencyMs / plans.throughputMs, THROUGHPUT_RATIO_MIN),
    ...(duties
      ? [
          atMost('marketDutiesPercent', 100 * duties.dutiesShare, DUTIES_PERCENT_MAX, '% of proving'),
          atMost('idleMb', duties.idleMb, IDLE_MB_MAX, 'MiB'),
          atMost('idleCorePercent', 100 * duties.idleCoreShare, IDLE_PERCENT_MAX, '% of a core'),
          atMost('warmStartMs', duties.warmStartMs, WARM_START_MS_MAX),
        ]
      : []),
    info('latencyPlanOverFullprove', plans.fullproveMs / plans.latencyMs, 'times'),
    info('fullproveMs', plans.fullproveMs),
    info('latencyPlanMs', plans.latencyMs),
    info('throughputPlanMs', plans.throughputMs),
  ];
}
