import type { FastifyInstance } from 'fastify';

/** How long requests under way may take to be answered when the API closes. */
const ANSWER_WITHIN_MS = 5_000;
const LOOK_MS = 50;

/**
 * Lets the API close however its clients behave: requests under way are answered, then every connection is cut. Node
 * by itself waits for a connection on which nothing was ever asked, as clients open in advance, until its headers are
 * overdue: a minute in which the coordinator would not stop.
 */
export function cutConnectionsOnClose(app: FastifyInstance): void {
  let underWay = 0;
  app.server.on('request', (_request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
    });
  });
  app.addHook('preClose', async () => {
    if (!app.server.listening) return;
    const endMs = performance.now() + ANSWER_WITHIN_MS;
    const timer = setInterval(() => {
      if (underWay === 0 || performance.now() > endMs) app.server.closeAllConnections();
    }, LOOK_MS);
    app.server.once('close', () => clearInterval(timer));
  });
}
