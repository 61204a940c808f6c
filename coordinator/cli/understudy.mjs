#!/usr/bin/env node
// The way into every command. Plain JavaScript without dependencies, because on a fresh clone nothing is installed
// yet: it installs what the lockfile names, compiles the TypeScript when a source is newer than the output, and hands
// over. `--build` stops after compiling; `--run TOOL ...` runs a development tool from node_modules/.bin.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SOURCE_FOLDERS = ['coordinator', 'prover-agent', 'circuits', 'prisma'];
const PAGE_FOLDER = join(root, 'coordinator', 'explorer', 'page');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Understudy needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** True when every package that the lockfile asks of this platform is installed in exactly that version. */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' || entry.optional || entry.devOptional || entry.peer || present[path]?.version === entry.version,
    );
  } catch {
    return false;
  }
}

function install() {
  console.error('Installing dependencies (npm ci) ...');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) {
    console.error('npm ci failed. Check the network and the npm registry settings, then run the same command again.');
    process.exit(1);
  }
}

function listSources(folder, found = []) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) listSources(path, found);
    else if (/\.(ts|tsx|css|html|svg)$/.test(entry.name) && !entry.name.endsWith('.d.ts')) found.push(path);
  }
  return found;
}

/** Compiles all sources, and builds the web page, when any is newer than the last build or the set of files has changed. */
async function buildIfStale() {
  const sources = SOURCE_FOLDERS.flatMap((folder) => listSources(join(root, folder)));
  const newest = Math.max(
    ...sources.map((file) => statSync(file).mtimeMs),
    statSync(fileURLToPath(import.meta.url)).mtimeMs,
  );
  const stampFile = join(root, 'dist', '.stamp');
  const stamp = `${newest} ${sources.length}`;
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  const { build } = await import('esbuild');
  const fresh = join(root, `dist-${process.pid}`);
  const compiled = build({
    entryPoints: sources.filter((file) => file.endsWith('.ts') && !file.startsWith(PAGE_FOLDER)),
    outdir: fresh,
    outbase: root,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    logLevel: 'error',
  });
  await Promise.all([compiled, buildPage(fresh)]);
  writeFileSync(join(fresh, '.stamp'), stamp);
  swapIn(fresh);
}

/** The web page: taken over from the last build when none of its own sources has changed. */
async function buildPage(fresh) {
  const last = join(root, 'dist', 'coordinator', 'explorer', 'page');
  const page = join(fresh, 'coordinator', 'explorer', 'page');
  if (existsSync(last)) cpSync(last, page, { recursive: true });
  const builder = await import(pathToFileURL(join(root, 'coordinator', 'explorer', 'buildPage.mjs')).href);
  await builder.buildPage(page);
}

/** Replaces dist in one rename; when another process was quicker, its output is as good as ours. */
function swapIn(fresh) {
  const dist = join(root, 'dist');
  const old = join(root, `dist-${process.pid}-old`);
  try {
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
  } catch (error) {
    if (!existsSync(join(dist, '.stamp'))) throw error;
  } finally {
    rmSync(old, { recursive: true, force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Runs a development tool with this process's streams and ends with its exit code. */
function runTool([tool, ...args]) {
  const bin = join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${tool}.cmd` : tool);
  const result = spawnSync(bin, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  process.exit(result.status ?? 1);
}

const args = process.argv.slice(2);
if (!process.env.UNDERSTUDY_PREPARED) {
  if (!isInstalled()) install();
  await buildIfStale();
  process.env.UNDERSTUDY_PREPARED = relative(root, join(root, 'dist'));
}
if (args[0] === '--run') runTool(args.slice(1));
else if (args[0] !== '--build') {
  const { main } = await import(pathToFileURL(join(root, 'dist', 'coordinator', 'cli', 'main.js')).href);
  await main(args);
}
