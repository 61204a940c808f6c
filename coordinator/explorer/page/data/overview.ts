import { client } from './client.js';

/** Newest jobs that the market's figures are of. */
const JOBS = 250;
const BLOCKS = 12;

/** What was read ahead is used for so long, in milliseconds. */
const AHEAD_MS_MAX = 2_000;

export type Overview = Awaited<ReturnType<typeof readNow>>;

let ahead: { overview: Promise<Overview>; atMs: number } | null = null;

/** Begins to read what the market's view shows, before the view is there to ask for it. */
export function readOverviewAhead(): void {
  ahead = { overview: readNow(), atMs: performance.now() };
  // Whoever uses it hears of a failure.
  ahead.overview.catch(() => undefined);
}

/** What the market's view shows. Throws when the coordinator does not answer. */
export function readOverview(): Promise<Overview> {
  const early = ahead;
  ahead = null;
  return early && performance.now() - early.atMs < AHEAD_MS_MAX ? early.overview : readNow();
}

async function readNow() {
  const [{ rounds }, { blocks }, { jobs }] = await Promise.all([
    client.call('listOpenRounds', {}),
    client.call('listBlocks', { query: { limit: BLOCKS } }),
    client.call('listJobBriefs', { query: { limit: JOBS } }),
  ]);
  return { rounds, blocks, jobs };
}
