/** The cells of the comparison. */
import { MECHANISM_NAMES, type MechanismName } from './mechanisms.js';
import { BASE_SCENARIO, type Scenario } from './scenario.js';
import type { Length } from './workload.js';

export interface Cell {
  /** Which chart and table it belongs to. */
  group: 'base' | 'failures and load' | 'provers' | 'deadline' | 'miss cost' | 'block size' | 'speeds' | 'owners';
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
const LOADS = [0.05, 0.5, 0.9, 1.2];

/** The cells of a grid. @param seeds - how many in each cell, where that is not the grid's own number */
export function gridCells(grid: GridName, seeds?: number): Cell[] {
  return grid === 'small' ? smallGrid(seeds ?? 4) : fullGrid(seeds ?? 12);
}

function cellOf(group: Cell['group'], title: string, change: Partial<Scenario>, seeds: number, length: Length): Cell {
  const scenario = { ...BASE_SCENARIO, ...change };
  return { group, title, scenario, mechanisms: MECHANISM_NAMES, length, seeds };
}

function smallGrid(seeds: number): Cell[] {
  const length = { warmUpJobs: 200, measuredJobs: 300 };
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
  const cells = [cellOf('base', 'base', {}, 2 * seeds, length)];
  for (const [failures, change] of Object.entries(FAILURES)) {
    for (const load of LOADS) {
      cells.push(cell('failures and load', `${failures}, load ${percent(load)}`, { ...change, load }));
    }
  }
  for (const provers of [10, 30, 100]) cells.push(cell('provers', `${provers} provers`, { provers }));
  const large = { provers: 1_000, jobsPerBlock: 32 };
  cells.push(cellOf('provers', '1,000 provers', large, Math.min(3, seeds), length));
  for (const deadlineTimes of [2, 3, 4, 6, 10]) {
    cells.push(cell('deadline', `${deadlineTimes} proving times`, { deadlineTimes }));
  }
  for (const missCostTimes of [1, 3, 10, 30]) {
    cells.push(cell('miss cost', `${missCostTimes} proving costs`, { missCostTimes }));
  }
  for (const jobsPerBlock of [1, 4, 16]) cells.push(cell('block size', `${jobsPerBlock} jobs`, { jobsPerBlock }));
  cells.push(cell('speeds', 'lognormal', {}), cell('speeds', 'Pareto', { speeds: 'pareto' }));
  cells.push(cell('owners', 'one prover, one job a round', { jobsPerBid: 1 }));
  cells.push(cell('owners', 'one prover, many jobs', {}));
  cells.push(cell('owners', 'three provers, many jobs', { proversPerOwner: 3 }));
  return cells;
}
