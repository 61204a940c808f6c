import { z } from 'zod';
import { backendChoicesSchema } from '../proving/backends/backendChoice.js';
import { WITNESS_LIMITS } from '../proving/guardedWitness.js';
import { filePath, number, setting, wholeNumber, yesNo } from './setting.js';

/** A table of the file becomes the list of `<circuit>=<command>` that flags give. */
function choicesOf(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.entries(value).map(([circuit, command]) => `${circuit}=${command}`);
}

/** What the machine gives and how it proves: `[machine]`, `[proving]` and `[witness]`. */
export const MACHINE_SETTINGS = {
  dataDir: setting(
    {
      key: 'machine.data_dir',
      flag: '--data-dir <dir>',
      says: 'Where artifacts and measurements are kept, and the lock that keeps a second agent out.',
      range: 'a folder',
      defaultText: '~/.understudy/agent-ADDRESS',
      example: '"./agent-data"',
      isPath: true,
    },
    filePath(),
  ),
  artifactDir: setting(
    {
      key: 'machine.artifact_dir',
      flag: '--artifact-dir <dir>',
      says: 'Use the files of this folder whose hash fits instead of a download.',
      range: 'a folder',
      example: '"circuits/artifacts"',
      isPath: true,
    },
    filePath().nullable().default(null),
  ),
  threads: setting(
    { key: 'machine.threads', flag: '--threads <n>', says: 'Threads of one zkProof.' },
    wholeNumber(1, 64).default(1),
  ),
  slots: setting(
    {
      key: 'machine.slots',
      flag: '--slots <n>',
      says: 'zkProofs at once; each takes memory of its own. More for each core than threads.',
    },
    wholeNumber(1, 64).default(1),
  ),
  handicap: setting(
    {
      key: 'machine.handicap',
      flag: '--handicap <factor>',
      says: 'Be slow on purpose, for demonstrations: every zkProof takes this many times as long.',
    },
    number(1, 1_000).default(1),
  ),
  selfCheck: setting(
    { key: 'proving.self_check', says: 'Verify every zkProof (20 ms) before it is sent.' },
    yesNo().default(true),
  ),
  backends: setting(
    {
      key: 'proving.backends',
      flag: '--backend <circuit=command>',
      says: 'External provers, each for a circuit: its id, its name, or `*` for all. All others are proven by snarkjs. The flag may be given several times.',
      range: 'up to 64 circuits and commands',
      defaultText: 'snarkjs',
      example: '[proving.backends]\ntransferRollup = "rapidsnark"',
    },
    z.preprocess(choicesOf, backendChoicesSchema).default([]),
  ),
  witnessLimitMs: setting(
    {
      key: 'witness.limit_ms',
      flag: '--witness-limit <ms>',
      says: 'End a witness generator that takes longer, in milliseconds.',
    },
    wholeNumber(100, 3_600_000).default(WITNESS_LIMITS.limitMs),
  ),
  witnessMemoryMb: setting(
    {
      key: 'witness.memory_mb',
      flag: '--witness-memory <mb>',
      says: 'End a witness generator that takes more memory, in MiB.',
    },
    wholeNumber(1, 4_096).default(WITNESS_LIMITS.memoryBytes / 1_048_576),
  ),
};
