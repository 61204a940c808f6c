import { z } from 'zod';
import { entryTypeSchema } from './entries.js';
import { LOGS_MAX, logsViewSchema } from './logLink.js';
import { consistencyViewSchema, entriesViewSchema, inclusionViewSchema } from './logViews.js';
import { type Route, route, SIGNATURE } from './route.js';
import { integerText, signatureSchema, unixMsSchema } from './units.js';
import { PAGE_MAX } from './views.js';

/** Bytes of a login message. */
const LOGIN_MESSAGE_BYTES = 4_096;

/** Login, the log and its feed. */
export const LOG_ROUTES = {
  getLoginNonce: route({
    method: 'GET',
    path: '/v1/login/nonce',
    summary: 'A nonce for a login message.',
    response: z.strictObject({ nonce: z.string().max(128), expiresAtMs: unixMsSchema }),
    rejections: [],
  }),
  logIn: route({
    method: 'POST',
    path: '/v1/login',
    summary: 'Trades a message by EIP-4361, signed by EIP-191, for a token.',
    body: z.strictObject({ message: z.string().max(LOGIN_MESSAGE_BYTES), signature: signatureSchema }),
    response: z.strictObject({ token: z.string().max(512), expiresAtMs: unixMsSchema }),
    rejections: [...SIGNATURE, 'loginExpired', 'badRequest'],
  }),
  getCheckpoint: route({
    method: 'GET',
    path: '/v1/log/checkpoint',
    summary: 'The newest checkpoint of the present log, a C2SP signed note.',
    contentType: 'text/plain; charset=utf-8',
    rejections: [],
  }),
  listLogs: route({
    method: 'GET',
    path: '/v1/log/logs',
    summary: 'The logs of the market, oldest first; the last one is the present one.',
    response: logsViewSchema,
    rejections: [],
  }),
  listEntries: route({
    method: 'GET',
    path: '/v1/log/entries',
    summary: 'Entries as they stand in the market’s logs, oldest first, from an index.',
    query: z.strictObject({
      from: integerText(Number.MAX_SAFE_INTEGER),
      limit: z.optional(integerText(PAGE_MAX)),
      /** Only entries of this type: they are found without those between them. */
      type: z.optional(entryTypeSchema),
    }),
    response: entriesViewSchema,
    rejections: [],
  }),
  getInclusion: route({
    method: 'GET',
    path: '/v1/log/inclusion/:index',
    summary: 'The inclusion proof of an entry in the tree of its log’s newest checkpoint.',
    params: z.strictObject({ index: integerText(Number.MAX_SAFE_INTEGER) }),
    response: inclusionViewSchema,
    rejections: ['notFound'],
  }),
  getConsistency: route({
    method: 'GET',
    path: '/v1/log/consistency',
    summary: 'The consistency proof between two tree sizes of a log.',
    query: z.strictObject({
      from: integerText(Number.MAX_SAFE_INTEGER),
      to: integerText(Number.MAX_SAFE_INTEGER),
      /** Which log of the market; without it, the present one. */
      log: z.optional(integerText(LOGS_MAX)),
    }),
    response: consistencyViewSchema,
    rejections: ['notFound'],
  }),
  followFeed: route({
    method: 'GET',
    path: '/v1/feed',
    summary:
      'The log as Server-Sent Events: the event id is the entry index, so that Last-Event-ID goes on without a gap.',
    query: z.strictObject({
      /** First index to send; without it and without Last-Event-ID, only what comes from now on. */
      from: z.optional(integerText(Number.MAX_SAFE_INTEGER)),
      /** Only these entry types, separated by commas. */
      types: z.optional(z.string().max(1_024)),
    }),
    contentType: 'text/event-stream',
    rejections: ['tooManyRequests'],
  }),
} as const satisfies Record<string, Route>;
