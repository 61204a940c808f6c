/** Turns every kind of failure into a problem document (RFC 9457) whose code is one of the table of rejections. */
import type { FastifyReply } from 'fastify';
import { REJECTIONS, type RejectionCode } from '#protocol/rejections.js';
import type { Problem } from '#protocol/views.js';

/** Media type of every error. */
export const PROBLEM_TYPE = 'application/problem+json';

/** What is wrong at one place of a request; pointers are RFC 6901, within the part that the detail names. */
export type FieldErrors = NonNullable<Problem['errors']>;

/** Most field errors that a problem lists; the first ones say enough. */
const FIELD_ERRORS_MAX = 20;

/** Seconds after which a client that was told `unavailable` or `tooManyRequests` should ask again. */
const RETRY_AFTER_SEC = 1;

/** Makes the problem document of a code. */
export function problemOf(code: RejectionCode, detail = '', errors?: FieldErrors): Problem {
  const [status, title] = REJECTIONS[code];
  const problem: Problem = { type: `urn:understudy:problem:${code}`, title, status, detail, code };
  if (errors && errors.length > 0) problem.errors = errors.slice(0, FIELD_ERRORS_MAX);
  return problem;
}

/** Answers with a problem document. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 429 || problem.status === 503) {
    if (!reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_SEC);
  }
  return reply.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

/** Codes of Fastify's own errors that have a code of their own here; its other errors below 500 are `badRequest`. */
const FRAMEWORK_CODES: Readonly<Record<string, RejectionCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'bodyTooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupportedMediaType',
};

const NOT_JSON = 'the body must be well-formed JSON without members named __proto__ or constructor.prototype';

/** Errors of the database's connection, by PostgreSQL, Node or Prisma: the same request may succeed in a moment. */
const CONNECTION_LOST = /^(08...|53...|57P0.|ECONN[A-Z]+|EPIPE|ETIMEDOUT|ENOTFOUND|P1001|P1002|P1008|P1017|P2024)$/;

interface ThrownFields {
  code?: unknown;
  statusCode?: unknown;
  retryable?: unknown;
  message?: unknown;
  fieldErrors?: FieldErrors;
}

/**
 * The problem that a thrown error stands for.
 * @returns `isOurs` true when it is nothing that the caller did: to be logged, and not to be told
 */
export function problemOfError(error: unknown): { problem: Problem; isOurs: boolean } {
  const thrown: ThrownFields = typeof error === 'object' && error !== null ? (error as ThrownFields) : {};
  if (thrown.retryable === true || CONNECTION_LOST.test(String(thrown.code))) {
    return { problem: problemOf('unavailable'), isOurs: true };
  }
  const code = Object.hasOwn(FRAMEWORK_CODES, String(thrown.code)) ? FRAMEWORK_CODES[String(thrown.code)] : undefined;
  if (code) return { problem: problemOf(code), isOurs: false };
  if (thrown.code === 'FST_ERR_CTP_INVALID_JSON_BODY') {
    return { problem: problemOf('badRequest', NOT_JSON), isOurs: false };
  }
  if (thrown.statusCode === 429) return { problem: problemOf('tooManyRequests'), isOurs: false };
  if (typeof thrown.statusCode === 'number' && thrown.statusCode >= 400 && thrown.statusCode < 500) {
    return { problem: problemOf('badRequest', String(thrown.message ?? ''), thrown.fieldErrors), isOurs: false };
  }
  return { problem: problemOf('internal'), isOurs: true };
}
