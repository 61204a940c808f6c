import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Hex } from '#protocol/units.js';
import { ANSWERED } from './handler.js';

/**
 * Sends a file that is named by its content, whole or from where a client left off. A Range that cannot be served is
 * passed over, as RFC 9110 section 14.2 allows, and the whole file sent.
 */
export async function sendArtifact(
  path: string,
  sha256: Hex,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<typeof ANSWERED> {
  const { size } = await stat(path);
  const etag = `"${sha256}"`;
  reply
    .type('application/octet-stream')
    .header('etag', etag)
    .header('accept-ranges', 'bytes')
    .header('cache-control', 'public, max-age=31536000, immutable');
  if (request.headers['if-none-match'] === etag) {
    reply.status(304).send();
    return ANSWERED;
  }
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? rangeOf(request.headers.range, size) : null;
  const { start, end } = range ?? { start: 0, end: size - 1 };
  if (range) reply.status(206).header('content-range', `bytes ${start}-${end}/${size}`);
  reply.header('content-length', end - start + 1);
  reply.send(size === 0 ? '' : createReadStream(path, { start, end }));
  return ANSWERED;
}

/** The one range of bytes that a header asks for; null for none, several, or none within the file. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | null {
  const [, first, last] = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end ? { start, end } : null;
}
