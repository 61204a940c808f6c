import { expect } from 'vitest';
import { REJECTIONS, type RejectionCode } from '#protocol/rejections.js';
import { type Problem, problemSchema } from '#protocol/views.js';
import type { ApiMarket } from './apiMarket.js';

/**
 * Sends a body as it stands to where it must be refused; checks that the answer is a problem document by the table of
 * rejections, and that the log has not grown.
 */
export async function refusalOf(
  market: ApiMarket,
  path: string,
  body: string | undefined,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<Problem> {
  const size = market.executor.journal.size();
  const init: RequestInit = { method, headers: { 'content-type': 'application/json', ...headers } };
  if (body !== undefined) init.body = body;
  const response = await fetch(market.url + path, init);
  const text = await response.text();
  expect(response.headers.get('content-type'), text).toMatch(/^application\/problem\+json/);
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem.status).toBe(response.status);
  expect(REJECTIONS[problem.code as RejectionCode][0]).toBe(response.status);
  expect(market.executor.journal.size()).toBe(size);
  return problem;
}
