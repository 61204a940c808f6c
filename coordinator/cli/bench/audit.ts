/** How quickly a log is audited, in how much memory, and how its proofs and appends grow with its length. */
import { generateKeyPairSync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { operatorKeyOf } from '#journal/operatorKey.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, type Frontier, rootOf } from '#protocol/log/merkleTree.js';
import { createVerifierPool } from '#verifier/verifierPool.js';
import { LogAudit } from '../../auditor/auditLog.js';
import type { LogSource } from '../../auditor/walkLog.js';
import { measureGrowth } from './auditGrowth.js';
import { LongLog, type LongLogOptions } from './longLog.js';
import type { Measure } from './measure.js';
import { followMemory } from './residentMemory.js';
import { freshProof, proveExampleJobs } from './zkProofSamples.js';

const ORIGIN = 'localhost/understudy-bench';
const STRUCTURE_AIM = 50_000;
const MEMORY_MB_MAX = 400;

/** Jobs that share a zkProof: making different ones takes longer than checking them. */
const DIFFERENT_PROOFS = 64;

const operator = operatorKeyOf(generateKeyPairSync('ed25519').privateKey, ORIGIN);
const signer = { key: operator.verifierKey, sign: operator.sign };

/** What of an audit is measured. */
type Depth = 'structure' | 'rounds' | 'signatures' | 'zkProofs';

/**
 * Audits logs that were made for it, each by more checks than the one before, on all cores.
 * @param options - quick: shorter logs
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const threads = availableParallelism();
  const base = { origin: ORIGIN, logKey: operator.logKey, isSigned: false, real: null };
  const lengths = options.quick ? [10_000, 20_000] : [50_000, 200_000];
  const memory: number[] = [];
  for (const length of lengths) memory.push(await memoryOf(base, length));
  const size = options.quick ? 5_000 : 40_000;
  const placeholders = hold(base, size);
  const structure = await rateOf('structure', placeholders, threads);
  const rounds = await rateOf('rounds', placeholders, threads);
  const signed = hold({ ...base, isSigned: true }, size / 10);
  const signatures = await rateOf('signatures', signed, threads);
  const circuit = await proveExampleJobs(1);
  const proofs = Array.from({ length: DIFFERENT_PROOFS }, (_, index) => freshProof(circuit, index));
  const real = { circuit, proofOf: (job: number) => proofs[job % DIFFERENT_PROOFS]! };
  const zkProofs = await rateOf('zkProofs', hold({ ...base, isSigned: true, real }, size / 20), threads);
  console.log(
    `${threads} threads; most resident in a replay of ${lengths.join(' and ')} entries: ` +
      `${memory.map((mb) => mb.toFixed(0)).join(' and ')} MiB, the making of the log included`,
  );
  const info = (name: string, value: number, unit: string): Measure => {
    return { name, value, unit, target: 'for information', holds: true };
  };
  const peakMb = Math.max(...memory);
  return [
    {
      name: 'auditStructureEntriesPerSecond',
      value: structure,
      unit: 'entries/s',
      target: `at least ${STRUCTURE_AIM}`,
      holds: structure >= STRUCTURE_AIM,
    },
    info('auditRoundsEntriesPerSecond', rounds, 'entries/s'),
    info('auditSignaturesEntriesPerSecond', signatures, 'entries/s'),
    info('auditZkProofsEntriesPerSecond', zkProofs, 'entries/s'),
    {
      name: 'auditMemoryMb',
      value: peakMb,
      unit: 'MiB',
      target: `under ${MEMORY_MB_MAX}`,
      holds: peakMb < MEMORY_MB_MAX,
    },
    ...measureGrowth(signer, ORIGIN, options.quick ? 4 : 6),
  ];
}

/** Entries a second of an audit of that depth. Throws when the audit finds anything wrong. */
async function rateOf(depth: Depth, source: LogSource & { size: number }, threads: number): Promise<number> {
  const verifier = createVerifierPool({ threads });
  const share = depth === 'structure' || depth === 'rounds' ? 0 : 1;
  const checked = depth === 'zkProofs' ? verifier : { verify: async () => ({ valid: true }) as const };
  const audit = new LogAudit(source, { verifier: checked, threads, share, replay: depth !== 'structure' });
  try {
    const startedMs = performance.now();
    const report = await audit.run();
    const perSecond = (source.size * 1_000) / (performance.now() - startedMs);
    if (!report.ok) throw new Error(`the audit of an honest log found: ${report.first?.sentence}`);
    console.log(`${depth}: ${source.size} entries at ${perSecond.toFixed(0)} a second`);
    return perSecond;
  } finally {
    await Promise.all([audit.close(), verifier.close()]);
  }
}

/** A log of at least `size` entries, held in memory. */
function hold(options: LongLogOptions, size: number): LogSource & { size: number } {
  const log = new LongLog(options);
  const leaves: string[] = [];
  while (leaves.length < size) leaves.push(...log.next());
  let frontier = emptyFrontier();
  for (const leaf of leaves) frontier = appendLeaf(frontier, entryLeafHash(leaf)).frontier;
  return {
    size: leaves.length,
    checkpoint: async () => checkpointOf(frontier),
    entries: async (from, limit) => leaves.slice(from, from + limit),
  };
}

/** The most memory resident so far, in MiB, after a replay of a log that is nowhere held: it is made twice, for its root and for the audit. */
async function memoryOf(options: LongLogOptions, size: number): Promise<number> {
  let frontier = emptyFrontier();
  const first = new LongLog(options);
  while (frontier.size < size) {
    for (const leaf of first.next()) frontier = appendLeaf(frontier, entryLeafHash(leaf)).frontier;
  }
  const second = new LongLog(options);
  let held: string[] = [];
  const source = {
    size: frontier.size,
    checkpoint: async () => checkpointOf(frontier),
    entries: async (_from: number, limit: number) => {
      while (held.length < limit) held.push(...second.next());
      const page = held.slice(0, limit);
      held = held.slice(limit);
      return page;
    },
  };
  await rateOf('rounds', source, 1);
  return await followMemory([process.pid]).peakMb(process.pid);
}

function checkpointOf(frontier: Frontier): string {
  const checkpoint = { origin: ORIGIN, size: frontier.size, rootHash: rootOf(frontier), extensionLines: [] };
  return signCheckpoint(checkpoint, [signer]);
}
