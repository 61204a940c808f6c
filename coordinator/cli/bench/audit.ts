/** How quickly a log is audited, in how much memory, and how its proofs and appends grow with its length. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { operatorKeyOf } from '#journal/operatorKey.js';
import { measureGrowth } from './auditGrowth.js';
import { type AuditCost, type AuditDepth, auditInProcess } from './auditProcess.js';
import { type LogStage, writeLogFolder } from './logFolder.js';
import { LongLog, type LongLogOptions } from './longLog.js';
import type { Measure } from './measure.js';
import { temporaryHome, withCleanUp } from './temporary.js';
import { freshProof, proveExampleJobs } from './zkProofSamples.js';

const ORIGIN = 'localhost/understudy-bench';
const STRUCTURE_AIM = 50_000;
const MEMORY_MB_MAX = 400;

/** Jobs that share a zkProof: making different ones takes longer than checking them. */
const DIFFERENT_PROOFS = 64;

const operator = operatorKeyOf(generateKeyPairSync('ed25519').privateKey, ORIGIN);
const signer = { key: operator.verifierKey, sign: operator.sign };
const BASE = { origin: ORIGIN, logKey: operator.logKey, isSigned: false, real: null };

/** Powers of ten of the lengths, and the lengths of logs whose signatures and zkProofs are real, which are slow to make. */
const SCALES = {
  quick: { powers: [3, 4], signed: 1_000, zkProofs: 500 },
  usual: { powers: [3, 4, 5], signed: 10_000, zkProofs: 4_000 },
  full: { powers: [3, 4, 5, 6], signed: 10_000, zkProofs: 4_000 },
};

/**
 * Audits logs that were written for it, each by more checks than the one before, from files, in processes of their own.
 * @param options - quick: shorter logs; full: a million entries too, for some minutes and 1.2 GB of disk
 */
export async function run(options: { quick: boolean; full?: boolean }): Promise<Measure[]> {
  const { powers, signed, zkProofs } = SCALES[options.quick ? 'quick' : options.full ? 'full' : 'usual'];
  return withCleanUp(async (atEnd) => {
    const home = temporaryHome(atEnd);
    const unsigned = write(
      join(home, 'unsigned'),
      BASE,
      powers.map((power) => 10 ** power),
    );
    const measures: Measure[] = [];
    for (const depth of ['structure', 'rounds'] as const) {
      for (const stage of unsigned) {
        measures.push(...costs(depth, stage, await audited(join(home, 'unsigned'), stage, depth)));
      }
    }
    const [some] = write(join(home, 'signed'), { ...BASE, isSigned: true }, [signed]);
    measures.push(...costs('signatures', some!, await audited(join(home, 'signed'), some!, 'signatures')));
    const circuit = await proveExampleJobs(1);
    const proofs = Array.from({ length: DIFFERENT_PROOFS }, (_, index) => freshProof(circuit, index));
    const real = { circuit, proofOf: (job: number) => proofs[job % DIFFERENT_PROOFS]! };
    const [proven] = write(join(home, 'proven'), { ...BASE, isSigned: true, real }, [zkProofs]);
    measures.push(...costs('zkProofs', proven!, await audited(join(home, 'proven'), proven!, 'zkProofs')));
    return [...measures, ...measureGrowth(signer, ORIGIN, options.quick ? 4 : 6)];
  });
}

function write(folder: string, options: LongLogOptions, lengths: number[]): LogStage[] {
  const startedMs = performance.now();
  const stages = writeLogFolder(folder, new LongLog(options), lengths, { origin: ORIGIN, signer });
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(`wrote a log of ${stages.at(-1)!.size} entries in ${seconds.toFixed(0)} s`);
  return stages;
}

async function audited(folder: string, { size, checkpoint }: LogStage, depth: AuditDepth): Promise<AuditCost> {
  const cost = await auditInProcess({ folder, checkpoint, depth });
  const { entriesPerSecond, cpuUsPerEntry, peakMb } = cost;
  const figures = `${entriesPerSecond.toFixed(0)} a second, ${cpuUsPerEntry.toFixed(1)} µs each, ${peakMb.toFixed(0)} MiB`;
  console.log(`${depth}: ${size} entries, ${figures}`);
  return cost;
}

/** The measures of one audit. The rate of a short log is mostly that of the process's start. */
function costs(
  depth: AuditDepth,
  { size }: LogStage,
  { entriesPerSecond, cpuUsPerEntry, peakMb }: AuditCost,
): Measure[] {
  const name = `audit${depth[0]!.toUpperCase()}${depth.slice(1)}`;
  const isRated = depth === 'structure' && size >= 100_000;
  const isBounded = depth === 'structure' || depth === 'rounds';
  return [
    {
      name: `${name}EntriesPerSecond${size}`,
      value: entriesPerSecond,
      unit: 'entries/s',
      target: isRated ? `at least ${STRUCTURE_AIM}` : 'for information',
      holds: !isRated || entriesPerSecond >= STRUCTURE_AIM,
    },
    { name: `${name}CpuUs${size}`, value: cpuUsPerEntry, unit: 'µs an entry', target: 'for information', holds: true },
    {
      name: `${name}MemoryMb${size}`,
      value: peakMb,
      unit: 'MiB',
      target: isBounded ? `under ${MEMORY_MB_MAX}` : 'for information',
      holds: !isBounded || peakMb < MEMORY_MB_MAX,
    },
  ];
}
