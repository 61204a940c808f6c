import { ENTRY_SCHEMAS } from '#protocol/entries.js';
import { parseCheckpoint } from '#protocol/log/checkpoint.js';
import { PAGE_MAX } from '#protocol/views.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Feed } from '../feed.js';
import { ANSWERED, type Handlers } from '../handler.js';
import { isLoopback } from '../loopback.js';
import type { MarketReads } from '../marketReads.js';
import { newestCheckpoint } from '../newestCheckpoint.js';
import { type Refused, refuse, refuseField } from '../refused.js';

type LogRoutes = 'getCheckpoint' | 'listLogs' | 'listEntries' | 'getInclusion' | 'getConsistency' | 'followFeed';

/** The log, and its tail. */
export function logHandlers(deps: ApiDeps, reads: MarketReads, feed: Feed): Handlers<LogRoutes> {
  const { journal } = deps;
  return {
    getCheckpoint: async () => newestCheckpoint(deps, (await journal.logs()).at(-1)!),

    listLogs: async () => ({ logs: (await journal.logs()).map(({ view }) => view) }),

    listEntries: async ({ query: { from, limit = PAGE_MAX, type } }) => {
      const entries = await journal.readEntries(from, limit, type);
      return { treeSize: Math.max(await reads.logSize(), (entries.at(-1)?.index ?? -1) + 1), entries };
    },

    getInclusion: async ({ params: { index } }) => {
      const tree = (await journal.logs()).findLast(({ view }) => view.firstIndex <= index)!;
      const { number: log, firstIndex } = tree.view;
      const treeSize = sizeOf(tree.checkpoint);
      const leafIndex = index - firstIndex;
      const found = leafIndex < treeSize ? await journal.inclusionProof(log, leafIndex, treeSize) : null;
      if (!found) return refuse('notFound', `the log has ${firstIndex + treeSize} entries`);
      const { leafHash, path: inclusionProof } = found;
      return { index, log, leafIndex, treeSize, leafHash, inclusionProof, checkpoint: tree.checkpoint };
    },

    getConsistency: async ({ query: { from: fromSize, to: toSize, log: asked } }) => {
      const log = asked ?? (await journal.logs()).length - 1;
      const consistencyProof = fromSize <= toSize ? await journal.consistencyProof(log, fromSize, toSize) : null;
      if (!consistencyProof) return refuse('notFound', 'give two sizes of the log, the smaller one first');
      return { log, fromSize, toSize, consistencyProof };
    },

    followFeed: async ({ query }, { request, reply }) => {
      const types = readTypes(query.types);
      if (types !== null && !(types instanceof Set)) return types;
      const lastEventId = request.headers['last-event-id'];
      if (lastEventId !== undefined && !/^(0|[1-9][0-9]{0,14})$/.test(String(lastEventId))) {
        return refuse('badRequest', 'Last-Event-ID must be the index of an entry');
      }
      const from = lastEventId === undefined ? (query.from ?? (await reads.logSize())) : Number(lastEventId) + 1;
      const address = isLoopback(request.ip) ? null : request.ip;
      if (!feed.hasRoom(address)) return refuse('tooManyRequests', 'there are as many feeds as there may be');
      reply.hijack();
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
        connection: 'close',
      });
      feed.follow(reply.raw, from, types, address);
      return ANSWERED;
    },
  };
}

function sizeOf(checkpoint: string): number {
  const end = checkpoint.indexOf('\n\n');
  return (end < 0 ? undefined : parseCheckpoint(checkpoint.slice(0, end + 1)))?.size ?? 0;
}

/** The wanted entry types; null for all. */
function readTypes(text: string | undefined): Set<string> | Refused | null {
  if (text === undefined) return null;
  const types = text.split(',');
  const unknown = types.some((type) => !Object.hasOwn(ENTRY_SCHEMAS, type));
  return unknown ? refuseField('/types', 'must name entry types, separated by commas') : new Set(types);
}
