/** What a measurement starts it also ends: folders, processes, databases, whether it succeeds, fails or is cut off. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Takes what is to be done at the end; the newest is done first. */
export type AtEnd = (close: () => Promise<void> | void) => void;

/** Runs a piece of work and then everything that it left to be done, also when it fails or Ctrl-C cuts it off. */
export async function withCleanUp<Result>(work: (atEnd: AtEnd) => Promise<Result>): Promise<Result> {
  const closers: (() => Promise<void> | void)[] = [];
  const cleanUp = async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  };
  const onSignal = () => void cleanUp().finally(() => process.exit(130));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await work((close) => closers.push(close));
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await cleanUp();
  }
}

/**
 * An empty folder for a market that goes with the measurement. Other users may pass through it: started by root, the
 * embedded PostgreSQL runs as another user and keeps its files here.
 */
export function temporaryHome(atEnd: AtEnd): string {
  const home = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  atEnd(() => rmSync(home, { recursive: true, force: true, maxRetries: 3 }));
  chmodSync(home, 0o711);
  return home;
}
