/** What a route is, and what many routes share. The table of all of them is in `routes.ts`. */
import { z } from 'zod';
import type { RejectionCode } from './rejections.js';
import { integerText } from './units.js';
import { PAGE_MAX } from './views.js';

/** One route. `auth: 'token'` needs `Authorization: Bearer` from `logIn`. Body limits are in bytes. */
export interface Route {
  method: 'GET' | 'POST';
  path: string;
  summary: string;
  auth?: 'token';
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  bodyLimit?: number;
  /** Absent for streams and texts, which `contentType` names. */
  response?: z.ZodType;
  contentType?: string;
  rejections: readonly RejectionCode[];
}

/** Keeps a route's own type, so that calls and answers follow from it. */
export const route = <const One extends Route>(one: One): One => one;

/** Query of a list by pages. */
export const page = {
  /** Newest first; pass the last item's place to go on. */
  before: z.optional(integerText(Number.MAX_SAFE_INTEGER)),
  limit: z.optional(integerText(PAGE_MAX)),
};

/** What may be wrong with a signature. */
export const SIGNATURE = ['badSignature', 'highSSignature'] as const;

/** What may be wrong with a signed message that has a date. */
export const DATED = [...SIGNATURE, 'messageExpired', 'messageFromFuture'] as const;
