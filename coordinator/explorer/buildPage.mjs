// Builds the explorer's page with Vite. Plain JavaScript, because the launcher runs it before anything is compiled.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const coordinator = dirname(here);

/** What the page is made of: its own files, and the rooms whose code it runs. */
const SOURCES = [join(here, 'page'), join(coordinator, 'protocol'), join(coordinator, 'market')];

/** Changes with every source of the page. */
function stampOfPage() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  const lockfile = join(coordinator, '..', 'package-lock.json');
  if (existsSync(lockfile)) hash.update(readFileSync(lockfile));
  for (const folder of SOURCES) {
    for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
      if (/\.(ts|tsx|css|html|svg)$/.test(name)) hash.update(name).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest('hex');
}

/**
 * Builds the page into a folder unless what is there was built from these very sources.
 * @param outDir - gets `index.html`, and `explorer/` with files that are named by their content
 */
export async function buildPage(outDir) {
  const stamp = stampOfPage();
  const stampFile = join(outDir, '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  const { build } = await import('vite');
  await build({
    configFile: false,
    root: join(here, 'page'),
    publicDir: false,
    logLevel: 'error',
    resolve: {
      alias: ['protocol', 'market'].map((room) => ({
        find: new RegExp(`^#${room}/(.*)\\.js$`),
        replacement: `${join(coordinator, room)}/$1.ts`,
      })),
    },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    worker: { format: 'es' },
    build: {
      outDir,
      emptyOutDir: true,
      assetsDir: 'explorer',
      // Nothing may be inlined: the policy allows no data in scripts and styles.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      target: 'es2022',
      reportCompressedSize: false,
    },
  });
  writeFileSync(stampFile, stamp);
}
