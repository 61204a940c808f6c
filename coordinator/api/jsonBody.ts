import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';

/** Deepest nesting of a body: what canonical JSON allows, and far below what exhausts a stack. */
export const BODY_DEPTH_MAX = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** A body that is no JSON, or none that is read here. The message goes to the sender. */
class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly statusCode = 400;
}

/**
 * True when arrays and objects in a JSON text nest deeper than `depthMax`. Looks at bytes only, before anything is
 * parsed; says nothing about whether the text is JSON.
 */
export function isNestedDeeper(text: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at];
    if (isInString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return false;
}

/**
 * Makes an app read JSON bodies and no others: UTF-8, nested at most {@link BODY_DEPTH_MAX} deep, without `__proto__`
 * and without a `constructor` that has a `prototype`. Everything else ends in a 400, 413 or 415.
 */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    if (!isUtf8(bytes)) return done(new BodyError('the body is not UTF-8'));
    if (isNestedDeeper(bytes, BODY_DEPTH_MAX)) {
      return done(new BodyError(`the body nests deeper than ${BODY_DEPTH_MAX} levels`));
    }
    return parse(request, bytes.toString('utf8'), done);
  });
}
