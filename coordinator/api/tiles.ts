import type { FastifyInstance, FastifyReply } from 'fastify';
import type { LogTree } from '#journal/journalPort.js';
import { readEntryBundle, readLongEntry, readTile } from '#journal/logTiles.js';
import { parseEntryBundlePath, parseTilePath } from '#protocol/log/tiles.js';
import type { ApiDeps } from './apiDeps.js';
import { newestCheckpoint } from './newestCheckpoint.js';
import { problemOf, sendProblem } from './problem.js';

/** What is named by its place in the tree or by its hash never changes. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/** A mirror may keep a checkpoint for a second: it is then as old as the next one may be. */
const FOR_A_SECOND = 'public, max-age=1';

const BYTES = 'application/octet-stream';

/** The prefix below which the log is served as C2SP tlog-tiles. */
export const LOG_PREFIX = '/log';

/**
 * Serves each of the market's logs as C2SP tlog-tiles, under a prefix that stays its own for ever: the first at `/log`, the
 * others at `/log/<number>`. Below it: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`, and besides
 * `entry/<sha256>`, the entries that a bundle has as stubs, and `cosigned`, the newest checkpoint that cosigners signed. A
 * tile has one path; every other spelling is not found. `/log/logs` lists the logs.
 */
export function mountTiles(app: FastifyInstance, deps: ApiDeps): void {
  const { pool, cosigned, journal } = deps;
  app.get(`${LOG_PREFIX}/logs`, async (_request, reply) => {
    const logs = await journal.logs();
    return reply.header('cache-control', FOR_A_SECOND).send({ logs: logs.map(({ view }) => view) });
  });
  app.get<{ Params: { sha256: string } }>(`${LOG_PREFIX}/entry/:sha256`, async ({ params }, reply) =>
    sendLongEntry(deps, params.sha256, reply),
  );
  for (const prefix of [LOG_PREFIX, `${LOG_PREFIX}/:log`]) {
    app.get<LogParams>(`${prefix}/checkpoint`, async ({ params }, reply) => {
      const tree = await logOf(deps, params.log);
      if (!tree) return notFound(reply);
      return reply
        .header('cache-control', FOR_A_SECOND)
        .type('text/plain; charset=utf-8')
        .send(newestCheckpoint(deps, tree));
    });
    app.get<LogParams>(`${prefix}/cosigned`, async ({ params }, reply) => {
      const note = cosigned?.(Number(params.log ?? 0)) ?? null;
      if (note === null) return sendProblem(reply, problemOf('notFound', 'no cosigner has signed a checkpoint yet'));
      return reply.header('cache-control', FOR_A_SECOND).type('text/plain; charset=utf-8').send(note);
    });
    app.get<LogParams & { Params: { '*': string } }>(`${prefix}/tile/*`, async ({ params }, reply) => {
      const path = `tile/${params['*']}`;
      const bundle = parseEntryBundlePath(path);
      const tile = parseTilePath(path);
      const tree = bundle || tile ? await logOf(deps, params.log) : null;
      if (!tree) return notFound(reply);
      const bytes = bundle
        ? await readEntryBundle(pool, tree.view, bundle)
        : await readTile(pool, tree.view.number, tile!);
      return bytes ? sendForEver(reply, Buffer.from(bytes), BYTES) : notFound(reply);
    });
  }
  app.get<LogParams & { Params: { sha256: string } }>(`${LOG_PREFIX}/:log/entry/:sha256`, async ({ params }, reply) =>
    (await logOf(deps, params.log)) ? sendLongEntry(deps, params.sha256, reply) : notFound(reply),
  );
}

interface LogParams {
  Params: { log?: string };
}

/** A log by its number as a path writes it, from 1; without one, the first. Null when there is no such log. */
async function logOf({ journal }: ApiDeps, number: string | undefined): Promise<LogTree | null> {
  if (number !== undefined && !/^[1-9][0-9]{0,3}$/.test(number)) return null;
  return (await journal.logs())[Number(number ?? 0)] ?? null;
}

async function sendLongEntry({ pool }: ApiDeps, sha256: string, reply: FastifyReply): Promise<FastifyReply> {
  const entry = /^[0-9a-f]{64}$/.test(sha256) ? await readLongEntry(pool, sha256) : null;
  return entry === null ? notFound(reply) : sendForEver(reply, entry, 'application/json; charset=utf-8');
}

function sendForEver(reply: FastifyReply, content: Buffer | string, type: string): FastifyReply {
  return reply.header('cache-control', FOR_EVER).type(type).send(content);
}

function notFound(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, problemOf('notFound', 'the log has no such tile, bundle or entry'));
}
