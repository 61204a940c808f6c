import { readdirSync, readFileSync } from 'node:fs';

const KIB_PER_MIB = 1_024;

/** Resident memory of a process and of all that it has started, in MiB, on Linux; 0 where that cannot be seen. */
export function residentTreeMb(pid: number): number {
  if (process.platform !== 'linux' || pid === 0) return 0;
  return [pid, ...descendantsOf(pid)].reduce((sum, one) => sum + residentMb(one), 0);
}

function descendantsOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return children.flatMap((child) => [child, ...descendantsOf(child)]);
  } catch {
    return [];
  }
}

function residentMb(pid: number): number {
  try {
    const found = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Number(found[1]) / KIB_PER_MIB : 0;
  } catch {
    return 0;
  }
}
