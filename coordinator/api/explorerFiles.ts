import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ROUTES } from '#protocol/routes.js';
import type { ApiDeps } from './apiDeps.js';

/**
 * Only what this coordinator serves itself: no inline code, no other origin, no frame around it, no form. The worker
 * that replays the log is under the same policy, because its file is served with it.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Files of the page, in all: a folder with more is not the one that the build made. */
const FILES_MAX = 64;

interface PageFile {
  type: string;
  bytes: Buffer;
  gzipped: Buffer;
  etag: string;
}

const compress = promisify(gzip);

/**
 * Serves the explorer at the root and its files under `/explorer/`, from memory. Those are named by their content, so
 * that a browser never asks for one again; the page itself it asks for each time, and gets a 304. Whoever does not ask
 * for HTML gets a few words of JSON at the root.
 */
export async function mountExplorer(app: FastifyInstance, { journal, explorerFolder }: ApiDeps): Promise<void> {
  const page = explorerFolder !== undefined && existsSync(join(explorerFolder, 'index.html'));
  const files = page ? await readFiles(explorerFolder) : new Map<string, PageFile>();
  const index = files.get('index.html');
  app.get('/', async (request, reply) => {
    reply.header('vary', 'accept, accept-encoding');
    if (index && request.headers.accept?.includes('text/html')) return send(request, reply, index, 'no-cache');
    return {
      name: 'Understudy',
      origin: journal.state().market?.origin ?? null,
      docs: '/docs',
      openApi: '/openapi.json',
      market: ROUTES.getMarket.path,
      feed: ROUTES.followFeed.path,
    };
  });
  for (const [name, file] of files) {
    app.get(`/explorer/${name}`, async (request, reply) =>
      send(request, reply, file, 'public, max-age=31536000, immutable'),
    );
  }
}

/** Reads the folder `explorer` of the page, which holds all that is named by its content, and the page. */
async function readFiles(folder: string): Promise<Map<string, PageFile>> {
  const names = await readdir(join(folder, 'explorer'));
  if (names.length > FILES_MAX) throw new RangeError(`${folder} holds ${names.length} files, which no build makes`);
  const files = new Map<string, PageFile>();
  files.set('index.html', await readPageFile(join(folder, 'index.html')));
  for (const name of names) files.set(name, await readPageFile(join(folder, 'explorer', name)));
  return files;
}

async function readPageFile(path: string): Promise<PageFile> {
  const bytes = await readFile(path);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[extname(path)] ?? 'application/octet-stream', bytes, gzipped: await compress(bytes), etag };
}

function send(request: FastifyRequest, reply: FastifyReply, file: PageFile, caching: string): FastifyReply {
  const isGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  reply
    .type(file.type)
    .header('content-security-policy', POLICY)
    .header('cache-control', caching)
    .header('etag', file.etag)
    .header('vary', 'accept, accept-encoding');
  if (request.headers['if-none-match'] === file.etag) return reply.status(304).send();
  if (isGzip) reply.header('content-encoding', 'gzip');
  return reply.send(isGzip ? file.gzipped : file.bytes);
}
