/** The OpenAPI 3.1 document, derived from the table of routes. */
import { z } from 'zod';
import { REJECTIONS, type RejectionCode } from '#protocol/rejections.js';
import type { Route } from '#protocol/route.js';
import { ROUTES, type RouteName } from '#protocol/routes.js';
import { problemSchema } from '#protocol/views.js';
import { BODY_CODES, BODY_LIMIT_BYTES, UNIVERSAL_CODES } from './mountRoutes.js';
import { PROBLEM_TYPE } from './problem.js';

type JsonSchema = Record<string, unknown>;

/** What travels is described: before a transform, not after it. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

/** Makes the document. @param version - of the program */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, Route][]) {
    const path = route.path.replace(/:([a-zA-Z0-9]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Understudy',
      version,
      license: { name: 'GPL-3.0-only', identifier: 'GPL-3.0-only' },
      description:
        'A marketplace for zero-knowledge proofs. Money is a decimal string of wei, times are Unix milliseconds. ' +
        'Bodies nest at most 64 levels deep. Every error is a problem document whose code is listed with its route.',
    },
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'From logIn, by EIP-4361.' } },
    },
  };
}

function operationOf(name: RouteName, route: Route): JsonSchema {
  const limit = route.bodyLimit ?? BODY_LIMIT_BYTES;
  return {
    operationId: name,
    summary: route.summary,
    ...(route.auth === 'token' && { security: [{ token: [] }] }),
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body && {
      requestBody: {
        required: true,
        description: `At most ${limit} bytes.`,
        content: { 'application/json': { schema: jsonSchema(route.body) } },
      },
    }),
    responses: { 200: answerOf(route), ...problemsOf(route) },
  };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): JsonSchema[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, one]) => {
    return { name, in: place, required: place === 'path' || required.includes(name), schema: one };
  });
}

function answerOf(route: Route): JsonSchema {
  const contentType = route.contentType ?? 'application/json';
  const schema = route.response ? jsonSchema(route.response) : { type: 'string' };
  return { description: 'Done.', content: { [contentType]: { schema } } };
}

/** One response a status, listing the codes that share it. */
function problemsOf(route: Route): JsonSchema {
  const codes = new Set<RejectionCode>([...route.rejections, ...UNIVERSAL_CODES, ...(route.body ? BODY_CODES : [])]);
  const byStatus = new Map<number, RejectionCode[]>();
  for (const code of codes) byStatus.set(REJECTIONS[code][0], [...(byStatus.get(REJECTIONS[code][0]) ?? []), code]);
  const responses = [...byStatus].map(([status, shared]) => [
    status,
    {
      description: shared.map((code) => `\`${code}\`: ${REJECTIONS[code][1]}`).join('\n\n'),
      content: {
        [PROBLEM_TYPE]: {
          schema: {
            allOf: [
              { $ref: '#/components/schemas/Problem' },
              { type: 'object', properties: { code: { enum: shared } } },
            ],
          },
        },
      },
    },
  ]);
  return Object.fromEntries(responses);
}
