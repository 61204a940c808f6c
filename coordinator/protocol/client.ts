/**
 * The client that derives from the route table: used by the agent, the command line and the tests. `fetch` is handed
 * in; nothing here touches the network by itself.
 */
import { REJECTIONS, type RejectionCode } from './rejections.js';
import type { Route } from './route.js';
import type { RouteAnswer, RouteCall } from './routeCalls.js';
import { ROUTES, type RouteName } from './routes.js';
import { type Problem, problemSchema } from './views.js';

/** The coordinator said no: `code` is of the table of rejections. What may change: README.md, "Idempotency". */
export class RejectedError extends Error {
  override readonly name = 'RejectedError';
  readonly code: RejectionCode;
  readonly status: number;
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.title}${problem.detail ? ` (${problem.detail})` : ''}`);
    this.code = problem.code as RejectionCode;
    this.status = problem.status;
    this.problem = problem;
  }
}

/** The coordinator could not be reached or failed: sending the same again is safe and may succeed. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  readonly retryable = true;
}

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8787`. */
  baseUrl: string;
  fetch: typeof fetch;
  /** Longest wait for an answer, in milliseconds. */
  timeoutMs: number;
  /** Largest answer that is read, in bytes; no bound unless told. For whoever does not trust the coordinator. */
  answerBytesMax?: number;
}

export type Client = ReturnType<typeof createClient>;

/** Makes a client of one coordinator. */
export function createClient(options: ClientOptions) {
  return {
    baseUrl: options.baseUrl,
    /**
     * Calls a route. Throws {@link RejectedError} for a no, {@link UnreachableError} for a failure worth repeating.
     * @param call - params, query and body as the route declares them
     * @param token - for routes that need one
     */
    async call<Name extends RouteName>(name: Name, call: RouteCall<Name>, token?: string): Promise<RouteAnswer<Name>> {
      const route: Route = ROUTES[name];
      const response = await request(options, route, call, token);
      const text = await readBody(response, options.answerBytesMax);
      if (!response.ok) throw failureOf(response, text);
      if (!route.response) return text as RouteAnswer<Name>;
      const parsed = route.response.safeParse(parseJson(text));
      if (!parsed.success) throw new UnreachableError(`${route.method} ${route.path} answered in an unknown shape`);
      return parsed.data as RouteAnswer<Name>;
    },
  };
}

async function request(options: ClientOptions, route: Route, call: object, token?: string): Promise<Response> {
  const { params = {}, query = {}, body } = call as { params?: object; query?: object; body?: unknown };
  const headers: Record<string, string> = {};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const init: RequestInit = { method: route.method, headers, signal: AbortSignal.timeout(options.timeoutMs) };
  if (body !== undefined) init.body = JSON.stringify(body);
  try {
    return await options.fetch(options.baseUrl + pathOf(route, params, query), init);
  } catch (error) {
    throw new UnreachableError(`${route.method} ${options.baseUrl}${route.path} got no answer`, { cause: error });
  }
}

/** Fills in a route's path and query. */
export function pathOf(route: Route, params: object, query: object): string {
  const path = route.path.replace(/:([a-zA-Z0-9]+)/g, (_, key: string) =>
    encodeURIComponent(String((params as Record<string, unknown>)[key])),
  );
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)])).toString();
  return search ? `${path}?${search}` : path;
}

/** Reads an answer's text. Throws {@link UnreachableError} when it breaks off, or is longer than `bytesMax`. */
export async function readBody(response: Response, bytesMax = Number.POSITIVE_INFINITY): Promise<string> {
  try {
    const decoder = new TextDecoder();
    let text = '';
    let bytes = 0;
    // By a reader, because not every browser iterates over streams.
    const reader = response.body?.getReader();
    for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
      bytes += read.value.byteLength;
      if (bytes > bytesMax) {
        await reader?.cancel();
        throw new RangeError(`the answer is longer than ${bytesMax} bytes`);
      }
      text += decoder.decode(read.value, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    throw new UnreachableError('the answer broke off', { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Failures of the coordinator itself are worth repeating; so is being told to wait. The rest is a no. */
function failureOf(response: Response, text: string): Error {
  const problem = problemSchema.safeParse(parseJson(text));
  const code = problem.success ? problem.data.code : undefined;
  if (!problem.success || response.status >= 500 || code === 'tooManyRequests' || !(code! in REJECTIONS)) {
    // Why, where it says so: of a log that was closed, who carries the market on.
    const why = problem.data?.detail ? ` (${problem.data.detail})` : '';
    return new UnreachableError(`the coordinator answered ${response.status} ${code ?? ''}${why}`.trim());
  }
  return new RejectedError(problem.data);
}
