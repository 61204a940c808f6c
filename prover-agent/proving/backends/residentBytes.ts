import { readFileSync } from 'node:fs';

/** Processes of one family that are looked at. */
const FAMILY_MAX = 256;

/** Resident memory of a process and all that it has started, in bytes; 0 where the system does not tell. */
export function residentBytesOf(pid: number | undefined): number {
  const family = pid === undefined ? [] : [pid];
  let bytes = 0;
  for (let i = 0; i < family.length && i < FAMILY_MAX; i += 1) {
    const one = family[i]!;
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${one}/status`))?.[1] ?? '0';
    bytes += Number(kib) * 1_024;
    const children = textOf(`/proc/${one}/task/${one}/children`).trim();
    if (children !== '') family.push(...children.split(' ').map(Number));
  }
  return bytes;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
