#!/usr/bin/env node
// The agent alone, as `understudy agent` of the whole project: `node agent.mjs run --config agent.toml`. Needs `npm ci` in
// this folder once; compiles the agent's TypeScript when a source is newer than the output.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const dist = join(here, 'dist');

/** What the agent is made of; test/tidy/agentInstall.test.ts holds this and package.json against its imports. */
const SOURCE_FOLDERS = [
  'prover-agent',
  'coordinator/protocol',
  'coordinator/market',
  'coordinator/auditor',
  'coordinator/cli',
];
/** Read by the agent beside its code, from where it would be in the whole project. */
const SAMPLE = 'prover-agent/proving/sampleInput.json';

function sourcesIn(folder, found = []) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (path === here) continue;
    if (entry.isDirectory()) sourcesIn(path, found);
    else if (/\.ts$/.test(entry.name) && !entry.name.endsWith('.d.ts')) found.push(path);
  }
  return found;
}

async function buildIfStale() {
  const sources = SOURCE_FOLDERS.flatMap((folder) => sourcesIn(join(root, folder)));
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  const stamp = `${newest} ${sources.length}`;
  const stampFile = join(dist, '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  const { build } = await import('esbuild');
  const fresh = `${dist}-${process.pid}`;
  const outdir = join(fresh, 'js');
  await build({
    entryPoints: sources,
    outdir,
    outbase: root,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  mkdirSync(dirname(join(fresh, SAMPLE)), { recursive: true });
  cpSync(join(root, SAMPLE), join(fresh, SAMPLE));
  writeFileSync(join(fresh, '.stamp'), stamp);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

if (!existsSync(join(here, 'node_modules'))) {
  console.error(`Run npm ci in ${here} first.`);
  process.exit(1);
}
await buildIfStale();
// `--build` stops here, for images that run the agent as a user who may not write.
if (process.argv[2] !== '--build') {
  const { run } = await import(pathToFileURL(join(dist, 'js', 'coordinator', 'cli', 'agent.js')).href);
  process.exit(await run(process.argv.slice(2)));
}
