import type { FastifyInstance, FastifyReply } from 'fastify';
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
 * Serves the log as C2SP tlog-tiles: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`, and besides
 * `entry/<sha256>`, the entries that a bundle has as stubs, and `cosigned`, the newest checkpoint that cosigners signed. A tile has one path; every other spelling is not found.
 */
export function mountTiles(app: FastifyInstance, deps: ApiDeps): void {
  const { pool, cosigned } = deps;
  app.get(`${LOG_PREFIX}/checkpoint`, async (_request, reply) =>
    reply
      .header('cache-control', FOR_A_SECOND)
      .type('text/plain; charset=utf-8')
      .send(await newestCheckpoint(deps)),
  );
  app.get(`${LOG_PREFIX}/cosigned`, async (_request, reply) => {
    const note = cosigned?.() ?? null;
    if (note === null) return sendProblem(reply, problemOf('notFound', 'no cosigner has signed a checkpoint yet'));
    return reply.header('cache-control', FOR_A_SECOND).type('text/plain; charset=utf-8').send(note);
  });
  app.get<{ Params: { '*': string } }>(`${LOG_PREFIX}/tile/*`, async ({ params }, reply) => {
    const path = `tile/${params['*']}`;
    const bundle = parseEntryBundlePath(path);
    const tile = parseTilePath(path);
    const bytes = bundle ? await readEntryBundle(pool, bundle) : tile ? await readTile(pool, tile) : null;
    return bytes ? sendForEver(reply, Buffer.from(bytes), BYTES) : notFound(reply);
  });
  app.get<{ Params: { sha256: string } }>(`${LOG_PREFIX}/entry/:sha256`, async ({ params }, reply) => {
    const entry = /^[0-9a-f]{64}$/.test(params.sha256) ? await readLongEntry(pool, params.sha256) : null;
    return entry === null ? notFound(reply) : sendForEver(reply, entry, 'application/json; charset=utf-8');
  });
}

function sendForEver(reply: FastifyReply, content: Buffer | string, type: string): FastifyReply {
  return reply.header('cache-control', FOR_EVER).type(type).send(content);
}

function notFound(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, problemOf('notFound', 'the log has no such tile, bundle or entry'));
}
