import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY_CODES, UNIVERSAL_CODES } from '#api/mountRoutes.js';
import { openApiDocument } from '#api/openApi.js';
import { REJECTIONS, type RejectionCode } from '#protocol/rejections.js';
import type { Route } from '#protocol/route.js';
import { ROUTES, type RouteName } from '#protocol/routes.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';

interface Operation {
  operationId: string;
  responses: Record<
    string,
    {
      description: string;
      content: Record<string, { schema: { allOf?: [unknown, { properties: { code: { enum: string[] } } }] } }>;
    }
  >;
}

const paths = (document: Record<string, unknown>) => document.paths as Record<string, Record<string, Operation>>;

/** Codes that the rules say in a file, so that the routes of its commands must declare them. */
function codesIn(file: string): string[] {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  return [...source.matchAll(/\b(?:reject|refuse)\('([a-zA-Z0-9]+)'/g)].map((found) => found[1]!);
}

const RULES: [file: string, routes: RouteName[]][] = [
  ['coordinator/market/commands/placeBid.ts', ['placeBid']],
  ['coordinator/market/commands/commitBid.ts', ['commitBid', 'openBid']],
  ['coordinator/market/commands/submitBlock.ts', ['submitBlock']],
  ['coordinator/market/commands/deliver.ts', ['submitProof', 'giveUp']],
  ['coordinator/market/commands/register.ts', ['registerProver', 'registerCircuit', 'requestDeposit']],
  ['coordinator/api/handlers/accounts.ts', ['requestDeposit', 'registerProver']],
  ['coordinator/market/commands/withdrawBlock.ts', ['withdrawBlock']],
  ['coordinator/api/handlers/blocks.ts', ['submitBlock', 'withdrawBlock', 'getBlock', 'listJobs', 'getBundle']],
  ['coordinator/api/handlers/circuits.ts', ['getCircuit', 'registerCircuit', 'getArtifact', 'uploadArtifact']],
  ['coordinator/api/artifactShelf.ts', ['uploadArtifact']],
  ['coordinator/api/handlers/jobs.ts', ['getJob', 'getJobInput', 'submitProof', 'giveUp']],
  ['coordinator/api/handlers/log.ts', ['getInclusion', 'getConsistency', 'followFeed']],
  ['coordinator/api/handlers/login.ts', ['logIn']],
  ['coordinator/api/handlers/rounds.ts', ['getRound', 'placeBid', 'commitBid', 'openBid']],
];

/** Said to the coordinator's own commands, which have no route. */
const WITHOUT_ROUTE: RejectionCode[] = ['chainRefused', 'depositGap'];

describe('the table of routes', () => {
  it.each(RULES)('declares what %s says', (file, names) => {
    const declared = new Set<string>([...UNIVERSAL_CODES, ...names.flatMap((name) => ROUTES[name].rejections)]);
    expect(codesIn(file).filter((code) => !declared.has(code))).toEqual([]);
  });

  it('declares every code there is somewhere', () => {
    const declared = new Set<string>([...UNIVERSAL_CODES, ...BODY_CODES, ...WITHOUT_ROUTE]);
    for (const route of Object.values<Route>(ROUTES)) for (const code of route.rejections) declared.add(code);
    expect(Object.keys(REJECTIONS).filter((code) => !declared.has(code))).toEqual([]);
  });
});

describe('the OpenAPI document', () => {
  it('has every route with every code under its status', () => {
    const document = openApiDocument('0');
    for (const [name, route] of Object.entries<Route>(ROUTES)) {
      const path = route.path.replace(/:([a-zA-Z0-9]+)/g, '{$1}');
      const operation = paths(document)[path]![route.method.toLowerCase()]!;
      expect(operation.operationId).toBe(name);
      for (const code of [...route.rejections, ...UNIVERSAL_CODES] as RejectionCode[]) {
        const response = operation.responses[String(REJECTIONS[code][0])]!;
        expect(response.content['application/problem+json']!.schema.allOf![1].properties.code.enum).toContain(code);
      }
    }
  });
});

describe('the pages', () => {
  let market: ApiMarket;
  beforeAll(async () => {
    market = await openApiMarket({ rateLimitPerSec: 5, streamsMax: 1, trustProxy: true });
  });
  afterAll(() => market.close());

  it('are served, and need nothing from elsewhere', async () => {
    const document = (await (await fetch(`${market.url}/openapi.json`)).json()) as { info: { version: string } };
    expect(document).toEqual(JSON.parse(JSON.stringify(openApiDocument(document.info.version))));
    const page = await (await fetch(`${market.url}/docs`)).text();
    expect(page).toContain('/v1/bids');
    expect(page).not.toMatch(/<script|https?:\/\//);
    expect(await (await fetch(`${market.url}/`)).json()).toMatchObject({ docs: '/docs' });
  });

  it('limit how often and how long one may ask', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    const answers = await Promise.all(Array.from({ length: 12 }, () => fetch(`${market.url}/health`, { headers })));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(5);
    expect(await refused[0]!.json()).toMatchObject({ code: 'tooManyRequests' });
    expect(refused[0]!.headers.get('retry-after')).not.toBeNull();
    const first = await fetch(`${market.url}/v1/feed?from=0`);
    const second = await fetch(`${market.url}/v1/feed?from=0`);
    expect([first.status, second.status]).toEqual([200, 429]);
    await first.body!.cancel();
    await second.body!.cancel();
  });

  it('resume the feed by Last-Event-ID, and refuse what is none', async () => {
    await expect
      .poll(async () => (await feedText({ 'last-event-id': '0' })).includes('id: 1\nevent: circuitRegistered'))
      .toBe(true);
    expect(await feedText({ 'last-event-id': 'x' })).toContain('badRequest');
    expect(await feedText({}, '?types=nothing')).toContain('badRequest');
    expect(await feedText({}, '?from=-1')).toContain('badRequest');
  });

  /** The first words of the feed. */
  async function feedText(headers: Record<string, string>, query = ''): Promise<string> {
    const response = await fetch(`${market.url}/v1/feed${query}`, { headers });
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('event: ') && !text.includes('"code"'))
      text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    return text;
  }
});
