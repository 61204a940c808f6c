import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { FieldErrors } from './problem.js';

/** A part of a request (params, query or body) that does not have its shape. */
class ShapeError extends Error {
  override readonly name = 'ShapeError';
  readonly statusCode = 400;
  readonly fieldErrors: FieldErrors;
  constructor(part: string, issues: readonly z.core.$ZodIssue[]) {
    super(`the ${part} does not have the expected shape`);
    this.fieldErrors = issues.map(({ path, message }) => ({ pointer: pointerOf(path), message }));
  }
}

/** Lets Fastify check params, query and body with the zod schemas of the route table, and hands on what they parse. */
export const zodCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const part = httpPart === 'querystring' ? 'query' : (httpPart ?? 'request');
  return (data) => {
    const parsed = schema.safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: new ShapeError(part, parsed.error.issues) };
  };
};

/** RFC 6901 pointer of a zod path; '' is the whole. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
