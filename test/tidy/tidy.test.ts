/**
 * Tidiness that a reader relies on: which room may import which, what pure code may not touch, how long functions get.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 400;

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /^(coordinator|prover-agent|circuits)\//.test(file) && !file.endsWith('.d.ts'));

/** The room of a file: a folder of the coordinator, or one of the other top-level folders. */
function roomOf(file: string): string {
  const [top, second, third] = file.split('/');
  if (top !== 'coordinator') return top!;
  return third === undefined ? 'main' : second!;
}

/** Which rooms a room may import, besides itself. Packages are judged separately. */
const MAY_IMPORT: Record<string, string[]> = {
  protocol: [],
  market: ['protocol'],
  verifier: ['protocol', 'market'],
  journal: ['protocol', 'market', 'prisma'],
  queue: ['protocol', 'market', 'journal'],
  api: ['protocol', 'market', 'journal', 'verifier', 'queue', 'prisma'],
  auditor: ['protocol', 'market', 'verifier'],
  simulator: ['protocol', 'market'],
  settlement: ['protocol', 'market', 'journal'],
  client: ['protocol', 'prover-agent'],
  explorer: ['protocol', 'market'],
  main: ['protocol', 'market', 'journal', 'verifier', 'queue', 'api', 'settlement'],
  cli: [
    'protocol',
    'market',
    'journal',
    'verifier',
    'queue',
    'api',
    'auditor',
    'simulator',
    'settlement',
    'main',
    'client',
    'prover-agent',
    'circuits',
  ],
  'prover-agent': ['protocol'],
  circuits: ['protocol'],
};

const ALIAS: Record<string, string> = {
  '#protocol': 'protocol',
  '#market': 'market',
  '#journal': 'journal',
  '#verifier': 'verifier',
  '#queue': 'queue',
  '#api': 'api',
  '#agent': 'prover-agent',
  '#auditor': 'auditor',
  '#settlement': 'settlement',
  '#client': 'client',
  '#circuits': 'circuits',
  '#prisma': 'prisma',
  '#cli': 'cli',
};

function importsOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles.map(({ fileName }) => fileName);
}

function importedRoom(file: string, specifier: string): string | null {
  const alias = ALIAS[specifier.split('/')[0]!];
  if (alias) return alias;
  if (!specifier.startsWith('.')) return null;
  return roomOf(relative('.', join(dirname(file), specifier)));
}

function functionsOf(file: string): { name: string; lines: number }[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
  const found: { name: string; lines: number }[] = [];
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line;
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const lines = lineOf(node.end) - lineOf(node.getStart()) + 1;
      found.push({ name: `${file}: ${node.name?.getText() ?? 'anonymous'}`, lines });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

describe('imports', () => {
  it('run one way between the rooms', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .map((specifier) => importedRoom(file, specifier))
        .filter((room) => room !== null && room !== roomOf(file) && !MAY_IMPORT[roomOf(file)]?.includes(room))
        .map((room) => `${file} imports ${room}`),
    );
    expect(files.length).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  it('keep the agent light', () => {
    const heavy = /^(@prisma|pg$|bullmq|ioredis|fastify|@fastify)/;
    const wrong = files
      .filter((file) => /^(prover-agent|coordinator\/protocol)\//.test(file))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => heavy.test(name))
          .map((name) => `${file} imports ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it('bring no clock, disk, network or service into the pure rooms', () => {
    const allowed = /^(#protocol|\.|zod$|viem$|@noble\/|canonicalize$|poseidon-lite|@zk-kit\/)/;
    const wrong = files
      .filter((file) => /^coordinator\/(protocol|market)\//.test(file))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => !allowed.test(name))
          .map((name) => `${file} imports ${name}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('pure rooms', () => {
  it('read no clock, randomness or environment', () => {
    const banned =
      /\b(Date\.now|new Date\(|performance\.|Math\.random|randomBytes\(|crypto\.|process\.|setTimeout|setInterval|fetch\()/;
    const wrong = files
      .filter((file) => /^coordinator\/(protocol|market)\//.test(file) && !file.endsWith('protocol/client.ts'))
      .filter((file) => banned.test(withoutComments(file)));
    expect(wrong).toEqual([]);
  });
});

describe('size', () => {
  it(`keeps functions to ${FUNCTION_LINES_MAX} lines`, () => {
    const long = files.flatMap(functionsOf).filter(({ lines }) => lines > FUNCTION_LINES_MAX);
    expect(long).toEqual([]);
  });

  it(`keeps files to ${FILE_LINES_MAX} lines`, () => {
    const long = files.filter((file) => readFileSync(file, 'utf8').split('\n').length - 1 > FILE_LINES_MAX);
    expect(long).toEqual([]);
  });
});

describe('names', () => {
  it('say what a file is about', () => {
    const vague = files.filter((file) => /(^|\/)(utils?|helpers?|common|manager|index|misc)\.tsx?$/i.test(file));
    expect(vague).toEqual([]);
  });

  it('have no default exports and no barrels', () => {
    const wrong = files.filter((file) => /^export (default|\* from)/m.test(readFileSync(file, 'utf8')));
    expect(wrong).toEqual([]);
  });
});

function withoutComments(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
}
