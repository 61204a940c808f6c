import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance } from 'fastify';
import { type ApiDeps, RATE_LIMIT_PER_SEC, STREAMS_MAX, STREAMS_PER_ADDRESS_MAX } from './apiDeps.js';
import { Commands } from './commands.js';
import { cutConnectionsOnClose } from './cutConnections.js';
import { mountDocs } from './docs.js';
import { mountExplorer } from './explorerFiles.js';
import { Feed } from './feed.js';
import type { Handlers } from './handler.js';
import { accountHandlers } from './handlers/accounts.js';
import { blockHandlers } from './handlers/blocks.js';
import { browseHandlers } from './handlers/browse.js';
import { chainHandlers } from './handlers/chain.js';
import { challengeHandlers } from './handlers/challenges.js';
import { circuitHandlers } from './handlers/circuits.js';
import { heartbeatHandlers } from './handlers/heartbeats.js';
import { jobHandlers } from './handlers/jobs.js';
import { logHandlers } from './handlers/log.js';
import { loginHandlers } from './handlers/login.js';
import { roundHandlers } from './handlers/rounds.js';
import { statusHandlers } from './handlers/status.js';
import { readJsonBodies } from './jsonBody.js';
import { LoginTokens } from './loginTokens.js';
import { isLoopback } from './loopback.js';
import { MarketReads } from './marketReads.js';
import { BODY_LIMIT_BYTES, mountRoutes } from './mountRoutes.js';
import { problemOf, problemOfError, sendProblem } from './problem.js';
import { mountTiles } from './tiles.js';
import { zodCompiler } from './zodCompiler.js';

/** How long a request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Builds the HTTP API of a coordinator. It never listens by itself; whoever listens closes it, which ends the feeds.
 * The journal, the pool and the workers stay open: they belong to whoever made them.
 */
export async function buildApp(deps: ApiDeps): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // One hop: what stands further left in x-forwarded-for is the client's own word.
    trustProxy: deps.options?.trustProxy ? (_address, hop) => hop === 0 : false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (_error, _request, reply) => void sendProblem(reply, problemOf('badRequest')),
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(BAD_HTTP);
    },
  });
  answerErrors(app, deps);
  readJsonBodies(app);
  app.setValidatorCompiler(zodCompiler);
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SAFE_HEADERS);
  });
  await limitRate(app, deps.options?.rateLimitPerSec ?? RATE_LIMIT_PER_SEC);
  const feed = new Feed({
    journal: deps.journal,
    streamsMax: deps.options?.streamsMax ?? STREAMS_MAX,
    streamsPerAddressMax: STREAMS_PER_ADDRESS_MAX,
    log: deps.log,
  });
  const forgetEnded = deps.journal.onCommitted((entries) => {
    for (const { entry } of entries) {
      if (entry.type === 'proofAccepted' || entry.type === 'jobExpired') deps.heartbeats.forget(entry.jobId);
    }
  });
  app.addHook('preClose', async () => {
    forgetEnded();
    feed.close();
  });
  cutConnectionsOnClose(app);
  const tokens = new LoginTokens(deps.tokenSecret);
  const { nowMs } = deps;
  const checkResponses = deps.options?.checkResponses ?? false;
  mountRoutes(app, { handlers: handlersOf(deps, feed, tokens), tokens, nowMs, checkResponses });
  mountDocs(app);
  mountTiles(app, deps);
  await mountExplorer(app, deps);
  return app;
}

const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const BAD_HTTP_BODY = JSON.stringify(problemOf('badRequest', 'this is not HTTP/1.1'));
const BAD_HTTP = [
  'HTTP/1.1 400 Bad Request',
  'content-type: application/problem+json',
  `content-length: ${Buffer.byteLength(BAD_HTTP_BODY)}`,
  'connection: close',
  '',
  BAD_HTTP_BODY,
].join('\r\n');

function handlersOf(deps: ApiDeps, feed: Feed, tokens: LoginTokens): Handlers {
  const reads = new MarketReads(deps.prisma, deps.pool);
  const commands = new Commands({ journal: deps.journal, reads, heavyWork: deps.heavyWork });
  return {
    ...statusHandlers(deps, reads),
    ...accountHandlers(deps, reads, commands),
    ...chainHandlers(deps, commands),
    ...circuitHandlers(deps, reads, commands),
    ...challengeHandlers(deps, reads, commands),
    ...blockHandlers(deps, reads, commands),
    ...roundHandlers(deps, reads, commands),
    ...jobHandlers(deps, reads, commands),
    ...browseHandlers(deps, reads),
    ...heartbeatHandlers(deps, reads),
    ...loginHandlers(deps, tokens),
    ...logHandlers(deps, reads, feed),
  };
}

/** Every error is a problem document; what is our fault is logged with its cause and not told. */
function answerErrors(app: FastifyInstance, { log }: ApiDeps): void {
  app.setErrorHandler((error, request, reply) => {
    const { problem, isOurs } = problemOfError(error);
    if (isOurs) log.error('a request failed', { route: request.routeOptions.url, method: request.method, err: error });
    return sendProblem(reply, problem);
  });
}

/** Limits requests by address, agents on the same machine excepted; unknown paths count too. */
async function limitRate(app: FastifyInstance, perSec: number): Promise<void> {
  if (perSec > 0) {
    await app.register(rateLimit, {
      max: perSec,
      timeWindow: 1_000,
      allowList: (request) => isLoopback(request.ip),
    });
  }
  app.setNotFoundHandler(perSec > 0 ? { preHandler: app.rateLimit() } : {}, (_request, reply) =>
    sendProblem(reply, problemOf('notFound')),
  );
}
