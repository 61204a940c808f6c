import { totalmem } from 'node:os';

const MIB = 1_048_576;

/** The share of the machine's memory, or of the container's, that proving may take when nobody says, in percent. */
const USABLE_PERCENT = 80;

/** How often the memory is looked at while something is proven, in milliseconds. */
const LOOK_EVERY_MS = 250;

/** What proving may take on this machine or in this container when nobody says, in MiB. */
export function usableMemoryMb(): number {
  const machine = totalmem();
  const constrained = process.constrainedMemory?.() ?? 0;
  const bytes = constrained > 0 && constrained < machine ? constrained : machine;
  return Math.max(128, Math.floor((bytes * USABLE_PERCENT) / 100 / MIB));
}

/** Memory comes back a while after its thread has ended: so long nothing else is ended for it, in milliseconds. */
const REST_MS = 2_000;

interface Guarded {
  bytesMax: number;
  end(residentBytes: number): void;
}

/** Work under way, oldest first. */
const guarded = new Set<Guarded>();
let timer: NodeJS.Timeout | null = null;
let restingUntilMs = 0;

/**
 * Watches this process's memory while a piece of work runs and ends the work when it takes too much, before the system
 * ends the whole agent. Of several pieces the newest is ended first: it has the least to lose.
 *
 * @param bytesMax - the most resident memory of the whole process
 * @param end - called at most once, with the resident memory in bytes
 * @returns ends the watch
 */
export function guardMemory(bytesMax: number, end: (residentBytes: number) => void): () => void {
  const one: Guarded = { bytesMax, end };
  guarded.add(one);
  timer ??= setInterval(look, LOOK_EVERY_MS).unref();
  return () => {
    guarded.delete(one);
    if (guarded.size === 0 && timer) {
      clearInterval(timer);
      timer = null;
    }
  };
}

function look(): void {
  if (performance.now() < restingUntilMs) return;
  const resident = process.memoryUsage.rss();
  const newest = [...guarded].reverse().find(({ bytesMax }) => resident > bytesMax);
  if (!newest) return;
  guarded.delete(newest);
  restingUntilMs = performance.now() + REST_MS;
  newest.end(resident);
}
