/** What `npm ci` installs for an agent alone: all that it imports, nothing else, in the versions of the whole project. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { runText } from '../setup/runText.js';

const INSTALL = 'prover-agent/install';
/** The most that an agent alone may take on the disk, in bytes. */
const BYTES_MAX = 120_000_000;
/** Compiles the agent; imported by nothing of it. */
const BUILDER = 'esbuild';

interface Locked {
  version: string;
  integrity?: string;
  resolved?: string;
  optional?: boolean;
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const manifest = readJson(`${INSTALL}/package.json`);
const whole = readJson('package.json');
const locked: Record<string, Locked> = readJson(`${INSTALL}/package-lock.json`).packages;
const lockedWhole: Record<string, Locked> = readJson('package-lock.json').packages;

/** Everything that the agent's command may load, from its own files: sources, and names of packages. */
function loadedBy(entry: string): { files: Set<string>; packages: Set<string> } {
  const [files, packages] = [new Set<string>(), new Set<string>()];
  const folders: Record<string, string> = whole.imports;
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, 'utf8');
    const threads = [...text.matchAll(/new URL\('(\.[^']+\.js)', import\.meta\.url\)/g)].map(([, path]) => path!);
    for (const one of [
      ...ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName),
      ...threads,
    ]) {
      const room = folders[`${one.split('/')[0]}/*`];
      if (room)
        visit(join(room.replace('./dist/', '').replace('/*', ''), one.slice(one.indexOf('/'))).replace(/\.js$/, '.ts'));
      else if (one.startsWith('.')) visit(join(dirname(file), one).replace(/\.js$/, '.ts'));
      else if (!one.startsWith('node:'))
        packages.add(
          one
            .split('/')
            .slice(0, one.startsWith('@') ? 2 : 1)
            .join('/'),
        );
    }
  };
  visit(entry);
  return { files, packages };
}

const loaded = loadedBy('coordinator/cli/agent.ts');

function bytesOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.reduce((sum, one) => sum + (one.isFile() ? statSync(join(one.parentPath, one.name)).size : 0), 0);
}

/** Packages of the agent that are installed for this platform. */
const installed = Object.keys(locked).filter((path) => path !== '' && existsSync(path));

describe('the agent alone', () => {
  it('asks for just what it imports, in the versions of the whole project', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual([...loaded.packages, BUILDER].sort());
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect(whole.dependencies[name], name).toBe(version);
  });

  it('locks what the whole project locks', () => {
    for (const [path, { version, integrity, resolved }] of Object.entries(locked)) {
      expect(resolved, path).toBeUndefined();
      if (path === '') continue;
      expect({ version, integrity }, path).toEqual({
        version: lockedWhole[path]?.version,
        integrity: lockedWhole[path]?.integrity,
      });
    }
  });

  it('compiles all the sources that it loads', () => {
    const launcher = readFileSync(`${INSTALL}/agent.mjs`, 'utf8');
    const folders = /SOURCE_FOLDERS = \[([^\]]+)\]/.exec(launcher)![1]!.match(/[\w/-]+/g)!;
    expect([...loaded.files].filter((file) => !folders.some((folder) => file.startsWith(`${folder}/`)))).toEqual([]);
  });

  it('takes less than 120 MB', () => {
    expect(installed.length).toBeGreaterThan(20);
    const outer = installed.filter((path) => path.lastIndexOf('node_modules') === 0);
    expect(outer.reduce((sum, path) => sum + bytesOf(path), 0)).toBeLessThan(BYTES_MAX);
  });

  it('starts with these packages and no others', async () => {
    const root = mkdtempSync(join(tmpdir(), 'understudy-agent-alone-'));
    try {
      for (const folder of [
        'prover-agent',
        'coordinator/protocol',
        'coordinator/market',
        'coordinator/auditor',
        'coordinator/cli',
      ]) {
        cpSync(folder, join(root, folder), {
          recursive: true,
          filter: (path) => !/node_modules|install\/dist/.test(path),
        });
      }
      const outer = installed.filter((path) => path.lastIndexOf('node_modules') === 0);
      for (const path of outer) cpSync(path, join(root, INSTALL, path), { recursive: true });
      const agent = join(root, INSTALL, 'agent.mjs');
      const settings = await runText(process.execPath, [agent, 'settings']);
      expect(settings).toMatchObject({ code: 0, text: expect.stringContaining('[circuits]') as string });
      const names = [...loaded.files].filter((file) => file.startsWith('prover-agent/'));
      const urls = names.map((file) => join(root, INSTALL, 'dist/js', file.replace(/\.ts$/, '.js')));
      const script = `for (const url of ${JSON.stringify(urls)}) await import(url); console.log('all loaded'); process.exit(0);`;
      const all = await runText(process.execPath, ['--input-type=module', '-e', script]);
      expect(all).toMatchObject({ code: 0, text: expect.stringContaining('all loaded') as string });
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
