/** The cells of the comparison. */
import { MECHANISM_NAMES, type MechanismName, OUR_NAMES } from './mechanisms.js';
import { BASE_SCENARIO, type Scenario } from './scenario.js';
import type { Length } from './workload.js';

export interface Cell {
  /** Which chart and table it belongs to. */
  group:
    | 'base'
    | 'failures and load'
    | 'provers'
    | 'deadline'
    | 'miss cost'
    | 'block size'
    | 'speeds and owners'
    | 'agents that hang'
    | 'what if';
  title: string;
  scenario: Scenario;
  mechanisms: readonly MechanismName[];
  length: Length;
  seeds: number;
}

export type GridName = 'small' | 'full';

const percent = (share: number) => `${Math.round(share * 100)} %`;

const FAILURES: Record<string, Partial<Scenario>> = {
  'none fail': { failing: 0 },
  '10 % fail': { failing: 0.1 },
  '20 % fail': { failing: 0.2 },
  '30 % fail': { failing: 0.3 },
  '0 to 40 % fail': { failing: 0.2, failingSpread: 1 },
  'region lost': { failing: 0.05, regionLost: true },
};
/** The base cell has so many times the seeds. */
const BASE_TIMES = 4;
const LOADS = [0.05, 0.5, 0.9, 1.2];

/** The cells of a grid. @param seeds - how many in each cell, where that is not the grid's own number */
export function gridCells(grid: GridName, seeds?: number): Cell[] {
  return grid === 'small' ? smallGrid(seeds ?? 3) : fullGrid(seeds ?? 5);
}

function cellOf(group: Cell['group'], title: string, change: Partial<Scenario>, seeds: number, length: Length): Cell {
  const scenario = { ...BASE_SCENARIO, ...change };
  return { group, title, scenario, mechanisms: MECHANISM_NAMES, length, seeds };
}

function smallGrid(seeds: number): Cell[] {
  const length = { warmUpJobs: 150, measuredJobs: 250 };
  const cell = (group: Cell['group'], title: string, change: Partial<Scenario>) =>
    cellOf(group, title, change, seeds, length);
  return [
    cell('base', 'base', {}),
    cell('failures and load', 'none fail, load 50 %', { failing: 0 }),
    cell('failures and load', 'region lost, load 50 %', { failing: 0.05, regionLost: true }),
    cell('failures and load', '20 % fail, load 120 %', { load: 1.2 }),
    cell('provers', '10 provers', { provers: 10 }),
  ];
}

function fullGrid(seeds: number): Cell[] {
  const length = { warmUpJobs: 300, measuredJobs: 500 };
  const cell = (group: Cell['group'], title: string, change: Partial<Scenario>) =>
    cellOf(group, title, change, seeds, length);
  const cells = [cellOf('base', 'base', {}, BASE_TIMES * seeds, length)];
  for (const [failures, change] of Object.entries(FAILURES)) {
    for (const load of LOADS) {
      cells.push(cell('failures and load', `${failures}, load ${percent(load)}`, { ...change, load }));
    }
  }
  for (const provers of [10, 100]) cells.push(cell('provers', `${provers} provers`, { provers }));
  const crowd = cellOf('provers', '1,000 provers', { provers: 1_000, jobsPerBlock: 32 }, Math.min(2, seeds), length);
  const others = MECHANISM_NAMES.filter((name) => !(OUR_NAMES as readonly string[]).includes(name));
  cells.push({ ...crowd, mechanisms: ['vickrey + backup + pool', ...others] });
  for (const deadlineTimes of [2, 3, 6, 10]) {
    cells.push(cell('deadline', `${deadlineTimes} proving times`, { deadlineTimes }));
  }
  for (const missCostTimes of [1, 3, 30]) {
    cells.push(cell('miss cost', `${missCostTimes} proving costs`, { missCostTimes }));
  }
  for (const jobsPerBlock of [1, 16]) cells.push(cell('block size', `${jobsPerBlock} jobs`, { jobsPerBlock }));
  cells.push(cell('speeds and owners', 'Pareto speeds', { speeds: 'pareto' }));
  cells.push(cell('speeds and owners', 'one job a round each', { jobsPerBid: 1 }));
  cells.push(cell('speeds and owners', 'three provers an owner', { proversPerOwner: 3 }));
  cells.push(cell('agents that hang', '20 % hang, load 50 %', { hangs: true }));
  cells.push(cell('agents that hang', '20 % hang, load 5 %', { hangs: true, load: 0.05 }));
  return [...cells, ...whatIfs(seeds, length)];
}

/** Other parameters and one other rule, for the variants that they touch. */
function whatIfs(seeds: number, length: Length): Cell[] {
  const changes: Record<string, Partial<Scenario>> = {
    'as it is': {},
    'priorJobs 5': { parameters: { priorJobs: 5 } },
    'prior on-time 80 %': { parameters: { priorOnTimePpm: [760_000, 780_000, 790_000, 795_000, 800_000, 800_000] } },
    'lateDamageBps 0': { parameters: { lateDamageBps: 0 } },
    'lateDamageBps 2,000': { parameters: { lateDamageBps: 2_000 } },
    'lateDamageBps 5,000': { parameters: { lateDamageBps: 5_000 } },
    'slashRescuerBps 0': { parameters: { slashRescuerBps: 0 } },
    'slashRescuerBps 5,000': { parameters: { slashRescuerBps: 5_000 } },
    'newcomerJobs 0': { parameters: { newcomerJobs: 0 } },
    'load 5 %, as it is': { load: 0.05 },
    'load 5 %, newcomerJobs 0': { load: 0.05, parameters: { newcomerJobs: 0 } },
    'leaseMs 30,000': { parameters: { leaseMs: 30_000 } },
    'outcomesMax 30': { parameters: { outcomesMax: 30 } },
    'standby duties counted at 40 %': { standbyWeight: 0.4 },
    'standby duties counted at 20 %': { standbyWeight: 0.2 },
    'hang, as it is': { hangs: true },
    'hang, standby duties counted at 40 %': { hangs: true, standbyWeight: 0.4 },
  };
  const mechanisms = ['vickrey + backup + pool', 'vickrey + backup', 'vickrey alone'] as const;
  return Object.entries(changes).map(([title, change]) => ({
    ...cellOf('what if', title, change, seeds, length),
    mechanisms,
  }));
}
