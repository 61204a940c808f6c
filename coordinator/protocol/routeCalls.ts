/** What a call of each route takes and answers, as types that follow from the route table. */
import type { z } from 'zod';
import type { ROUTES, RouteName } from './routes.js';

type Input<Schema> = Schema extends z.ZodType ? z.input<Schema> : never;
type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : never;
type FieldOf<Name extends RouteName, Field extends string> =
  (typeof ROUTES)[Name] extends Record<Field, infer Schema> ? Schema : undefined;

/** What a call of a route takes: the parts that the route has. */
export type RouteCall<Name extends RouteName> = (FieldOf<Name, 'params'> extends undefined
  ? object
  : { params: Input<FieldOf<Name, 'params'>> }) &
  (FieldOf<Name, 'query'> extends undefined
    ? object
    : { query?: Partial<Record<keyof Input<FieldOf<Name, 'query'>>, string | number>> }) &
  (FieldOf<Name, 'body'> extends undefined ? object : { body: Input<FieldOf<Name, 'body'>> });

/** What a route answers; text for routes with a content type of their own. */
export type RouteAnswer<Name extends RouteName> =
  FieldOf<Name, 'response'> extends undefined ? string : Output<FieldOf<Name, 'response'>>;

/** Parsed parts of a request, as a handler of the server gets them. */
export interface RouteRequest<Name extends RouteName> {
  params: Output<FieldOf<Name, 'params'>>;
  query: Output<FieldOf<Name, 'query'>>;
  body: Output<FieldOf<Name, 'body'>>;
}
