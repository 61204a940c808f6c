import type { FastifyInstance } from 'fastify';
import { REJECTIONS } from '#protocol/rejections.js';
import type { Route } from '#protocol/route.js';
import { ROUTES } from '#protocol/routes.js';
import { openApiDocument } from './openApi.js';

const VERSION = '0.1.0';

/** A page without scripts and without anything from elsewhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f}
code{font:14px ui-monospace,monospace}section{border-top:1px solid #ddd;padding:.6rem 0}h2{font-size:1rem;margin:0}
.codes{color:#555;font-size:.9rem}@media(prefers-color-scheme:dark){body{background:#16161a;color:#ddd}
section{border-color:#333}.codes{color:#999}a{color:#8ab4f8}}`;

/** Serves the OpenAPI document and a page of all routes. Made when first asked for. */
export function mountDocs(app: FastifyInstance): void {
  let document: string | undefined;
  let page: string | undefined;
  app.get('/openapi.json', async (_request, reply) => {
    document ??= JSON.stringify(openApiDocument(VERSION));
    return reply.type('application/json; charset=utf-8').send(document);
  });
  app.get('/docs', async (_request, reply) => {
    page ??= docsPage();
    return reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(page);
  });
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function docsPage(): string {
  const sections = Object.entries<Route>(ROUTES).map(([name, route]) => {
    const codes = route.rejections.map((code) => `<code title="${escapeHtml(REJECTIONS[code][1])}">${code}</code>`);
    return `<section id="${name}"><h2><code>${route.method} ${escapeHtml(route.path)}</code></h2>
<p>${escapeHtml(route.summary)}${route.auth ? ' Needs a token.' : ''}</p>
${codes.length > 0 ? `<p class="codes">May answer ${codes.join(', ')}.</p>` : ''}</section>`;
  });
  const rows = Object.entries(REJECTIONS).map(
    ([code, [status, sentence]]) =>
      `<tr><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(sentence)}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Understudy API</title><style>${STYLE}</style>
<h1>Understudy API</h1><p>Bodies and answers with all their fields are in <a href="/openapi.json">openapi.json</a>
(OpenAPI 3.1). Money is a decimal string of wei, times are Unix milliseconds.</p>
${sections.join('\n')}<h1>Rejections</h1><table>${rows.join('\n')}</table></html>`;
}
