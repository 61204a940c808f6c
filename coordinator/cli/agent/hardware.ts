/** What the machine has, and what follows from it for an agent's settings. */
import { accessSync, constants } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

/** External provers that are looked for on PATH; the first is the one that is known to work with the default contract. */
const PROVERS = ['rapidsnark', 'prover'] as const;

/** Memory that one snarkjs worker takes for the rollup circuit, and what is left to the rest of the machine, in bytes. */
const SLOT_BYTES = 400 * 1_048_576;
const SPARE_BYTES = 512 * 1_048_576;

/** This machine. */
export interface Hardware {
  model: string;
  cores: number;
  memoryBytes: number;
  freeBytes: number;
  /** Names of external provers on PATH. */
  backends: string[];
}

/** Looks what the machine has. */
export function findHardware(path: string = process.env.PATH ?? ''): Hardware {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    freeBytes: freemem(),
    backends: PROVERS.filter((name) => folders.some((folder) => isExecutable(join(folder, name)))),
  };
}

/**
 * Threads and slots that make the most zkProofs: one thread each, because two single-threaded workers beat one with two
 * threads, and as many as cores and memory bear.
 */
export function recommendedPlan({ cores, memoryBytes }: Hardware): { threads: number; slots: number } {
  const byMemory = Math.floor((memoryBytes - SPARE_BYTES) / SLOT_BYTES);
  return { threads: 1, slots: Math.max(1, Math.min(cores, byMemory, 64)) };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
