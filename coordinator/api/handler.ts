import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RouteAnswer, RouteRequest } from '#protocol/routeCalls.js';
import type { RouteName } from '#protocol/routes.js';
import type { Address } from '#protocol/units.js';
import type { Refused } from './refused.js';

/** What a handler knows of the call beside its parsed parts. */
export interface Call {
  request: FastifyRequest;
  reply: FastifyReply;
  /** Whose token came with the call; only of routes with `auth: 'token'`. */
  account: Address;
}

/** The handler has taken the answer into its own hands: a stream. */
export const ANSWERED = Symbol('answered');

/** Answers one route: its value, an expected no, or {@link ANSWERED}. What it throws is an operational error or a bug. */
export type Handler<Name extends RouteName> = (
  parts: RouteRequest<Name>,
  call: Call,
) => Promise<RouteAnswer<Name> | Refused | typeof ANSWERED>;

/** Handlers by the name of their route. */
export type Handlers<Names extends RouteName = RouteName> = { [Name in Names]: Handler<Name> };
