/** What a route is, and what many routes share. The table of all of them is in `routes.ts`. */
import type { z } from 'zod';
import type { RejectionCode } from './rejections.js';

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

/** What may be wrong with a signature. */
export const SIGNATURE = ['badSignature', 'highSSignature'] as const;
