/** An audit of a folder in a process of its own, so that its time and memory are its alone. Told what to do as JSON. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createVerifierPool } from '#verifier/verifierPool.js';
import { LogAudit } from '../../auditor/auditLog.js';
import { folderTileSource } from '../../auditor/folderTileSource.js';
import { tileLogSource } from '../../auditor/tileLogSource.js';
import { followMemory } from './residentMemory.js';

/** What of an audit is measured: tree and shapes; with all rules replayed; with signatures; with zkProofs. */
export type AuditDepth = 'structure' | 'rounds' | 'signatures' | 'zkProofs';

export interface AuditTask {
  folder: string;
  /** File of the checkpoint to which the log is read. */
  checkpoint: string;
  depth: AuditDepth;
}

/** What an audit has taken. */
export interface AuditCost {
  entriesPerSecond: number;
  /** Processor time of all threads per entry, in microseconds: what a busy machine does not change much. */
  cpuUsPerEntry: number;
  /** Most memory resident, in MiB, the start of the process included. */
  peakMb: number;
}

/** Runs an audit in a process of its own. Throws Error when it finds anything wrong. */
export async function auditInProcess(task: AuditTask): Promise<AuditCost> {
  const child = fork(new URL('./auditProcess.js', import.meta.url), [JSON.stringify(task)], { execArgv: [] });
  const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (typeof answer === 'object' && answer !== null) return answer as AuditCost;
  throw new Error(`the audit of ${task.folder} ended with ${answer}`);
}

async function measure({ folder, checkpoint, depth }: AuditTask): Promise<AuditCost> {
  const threads = availableParallelism();
  const verifier = createVerifierPool({ threads });
  const source = { ...folderTileSource(folder), checkpoint: () => readFile(join(folder, checkpoint), 'utf8') };
  const checked = depth === 'zkProofs' ? verifier : { verify: async () => ({ valid: true }) as const };
  const share = depth === 'structure' || depth === 'rounds' ? 0 : 1;
  const replay = depth !== 'structure';
  const audit = new LogAudit(tileLogSource(source), { verifier: checked, threads, share, replay });
  try {
    const cpuBefore = process.cpuUsage();
    const startedMs = performance.now();
    const report = await audit.run();
    const tookMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(cpuBefore);
    if (!report.ok) throw new Error(`the audit of an honest log found: ${report.first?.sentence}`);
    const peakMb = await followMemory([process.pid]).peakMb(process.pid);
    return { entriesPerSecond: (report.size * 1_000) / tookMs, cpuUsPerEntry: (user + system) / report.size, peakMb };
  } finally {
    await Promise.all([audit.close(), verifier.close()]);
  }
}

if (process.send) {
  process.send(await measure(JSON.parse(process.argv[2]!)));
  process.disconnect();
}
