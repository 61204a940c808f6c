import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Route } from '#protocol/route.js';
import { ROUTES, type RouteName } from '#protocol/routes.js';
import type { Address } from '#protocol/units.js';
import { ANSWERED, type Call, type Handlers } from './handler.js';
import type { LoginTokens } from './loginTokens.js';
import { problemOf, sendProblem } from './problem.js';
import { Refused } from './refused.js';

/** Body limit of routes that name none, in bytes. */
export const BODY_LIMIT_BYTES = 64 * 1024;

type AnyHandler = (parts: { params: unknown; query: unknown; body: unknown }, call: Call) => Promise<unknown>;

export interface MountOptions {
  handlers: Handlers;
  tokens: LoginTokens;
  nowMs: () => number;
  /** Check every answer against the route's schema and declared rejections. */
  checkResponses: boolean;
}

/** Mounts the whole table of routes, each in the same way. */
export function mountRoutes(app: FastifyInstance, options: MountOptions): void {
  for (const name of Object.keys(ROUTES) as RouteName[]) mountRoute(app, name, options);
}

function mountRoute(app: FastifyInstance, name: RouteName, options: MountOptions): void {
  const route: Route = ROUTES[name];
  const handler = options.handlers[name] as AnyHandler;
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.bodyLimit ?? BODY_LIMIT_BYTES,
    schema: {
      ...(route.params && { params: route.params }),
      ...(route.query && { querystring: route.query }),
      ...(route.body && { body: route.body }),
    },
    handler: async (request, reply) => {
      const account = accountOf(route, request, options);
      if (account instanceof Refused) return sendRefusal(reply, account);
      const { params, query, body } = request;
      const answer = await handler({ params, query, body }, { request, reply, account });
      if (answer === ANSWERED) return reply;
      if (options.checkResponses) assertAnswer(name, route, answer);
      if (answer instanceof Refused) return sendRefusal(reply, answer);
      return reply.type(route.contentType ?? 'application/json; charset=utf-8').send(answer);
    },
  });
}

/** Whose token came with the call; of no interest where the route asks for none. */
function accountOf(route: Route, request: FastifyRequest, { tokens, nowMs }: MountOptions): Address | Refused {
  if (route.auth !== 'token') return '0x';
  const read = tokens.readBearer(request.headers.authorization, nowMs());
  return read.ok ? read.address : new Refused({ code: read.code, detail: '' });
}

function sendRefusal(reply: FastifyReply, { rejection, pointer }: Refused): FastifyReply {
  const { code, detail } = rejection;
  const errors = pointer === undefined ? undefined : [{ pointer, message: detail }];
  return sendProblem(reply, problemOf(code, detail, errors));
}

/** Codes that any route may answer with, whatever its handler does. */
export const UNIVERSAL_CODES = ['badRequest', 'tooManyRequests', 'internal', 'unavailable'] as const;

/** Codes that any route with a body may answer with beside those. */
export const BODY_CODES = ['bodyTooLarge', 'unsupportedMediaType'] as const;

function assertAnswer(name: RouteName, route: Route, answer: unknown): void {
  if (answer instanceof Refused) {
    const declared: readonly string[] = [...route.rejections, ...UNIVERSAL_CODES];
    if (!declared.includes(answer.rejection.code)) throw new Error(`${name} does not declare ${answer.rejection.code}`);
  } else if (route.response) {
    const parsed = route.response.safeParse(JSON.parse(JSON.stringify(answer)));
    if (!parsed.success) throw new Error(`${name} answers in another shape: ${parsed.error.message}`);
  }
}
