/** Provers on a machine in trouble: without memory, without disk, with threads that die in the middle of a proof. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseTemplate } from '#agent/proving/backends/commandTemplate.js';
import { KillableThread } from '#agent/proving/killableThread.js';
import { guardMemory, usableMemoryMb } from '#agent/proving/memoryGuard.js';
import { createProver, type Prover, type ProverOptions } from '#agent/proving/prover.js';
import { ProvingError } from '#agent/proving/provingError.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { tinyCircuitFile, tinyInput, tinyKey } from '../fixtures/tinyCircuit.js';
import { isAlive, until } from './agentFixtures.js';

vi.setConfig({ testTimeout: 120_000 });

const MIB = 1_048_576;
const fakeProver = fileURLToPath(new URL('../fixtures/provers/fakeProver.mjs', import.meta.url));

let folder: string;
let open: Prover[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-proving-'));
  open = [];
  process.env.TEST_PIDS_FILE = join(folder, 'pids');
});

afterEach(async () => {
  await Promise.all(open.map((prover) => prover.close()));
  delete process.env.TEST_PIDS_FILE;
  rmSync(folder, { recursive: true, force: true });
});

function prover(options: ProverOptions): Prover {
  const made = createProver(options);
  open.push(made);
  return made;
}

async function failureOf(work: Promise<unknown>): Promise<ProvingError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProvingError);
  return error as ProvingError;
}

const rollup = (more: Partial<ProverOptions> = {}): ProverOptions => {
  const files = circuitFiles();
  const verificationKey = JSON.parse(readFileSync(files.verificationKey, 'utf8')) as object;
  return { wasm: readFileSync(files.wasm), zkey: readFileSync(files.zkey), verificationKey, threads: 1, ...more };
};

describe('memory that runs out in the middle of a proof', () => {
  it('ends the proof and not the agent, says which setting it was, and the next one works', async () => {
    const limits = { memoryBytesMax: 1 * MIB };
    const tight = prover(rollup(limits));
    await tight.warm();
    const stages: string[] = [];
    const error = await failureOf(tight.prove(sampleInput(), ({ stage }) => stages.push(stage)));
    expect(error).toMatchObject({ code: 'provingFailed', flaw: 'proverMemoryLimit' });
    expect(error.message).toMatch(/ended at \d+ MB of memory; 1 MB may be used \(--memory\)/);
    // The witness was made, and the proof had begun.
    expect(stages).toContain('proving');
    await tight.close();
    const roomy = prover(rollup({ memoryBytesMax: usableMemoryMb() * MIB }));
    await expect(roomy.prove(sampleInput())).resolves.toMatchObject({ provingMs: expect.any(Number) as number });
  });

  it('is cancelled work, not a failure, when the job ends in the same moment', async () => {
    const tight = prover(rollup({ memoryBytesMax: 1 * MIB }));
    await tight.warm();
    const abort = new AbortController();
    abort.abort();
    expect((await failureOf(tight.prove(sampleInput(), undefined, abort.signal))).code).toBe('cancelled');
  });

  it('of several proofs ends the newest first, and gives its memory time to come back', async () => {
    const ended: string[] = [];
    const unguards = ['first', 'second', 'third'].map((name) => guardMemory(1, () => void ended.push(name)));
    await until(() => ended.length > 0, 'an end');
    expect(ended).toEqual(['third']);
    for (const unguard of unguards) unguard();
  });

  it.skipIf(process.platform !== 'linux')('ends an external prover with its children', async () => {
    const command = `sh -c '"${process.execPath}" "${fakeProver}" hoard; exit 0' {zkey} {witness} {zkProof}`;
    const greedy = prover({
      wasm: readFileSync(tinyCircuitFile('tinyCircuit.wasm')),
      zkey: null,
      command: {
        template: parseTemplate(command),
        zkeyPath: tinyCircuitFile('groth16.zkey'),
        workDir: join(folder, 'work'),
      },
      verificationKey: tinyKey('groth16'),
      threads: 1,
      memoryBytesMax: 256 * MIB,
    });
    const error = await failureOf(greedy.prove(tinyInput(0)));
    expect(error).toMatchObject({ code: 'provingFailed', flaw: 'proverMemoryLimit' });
    expect(error.message).toMatch(/ended at \d+ MB of memory; 256 MB may be used/);
    const pids = readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
    await until(() => !pids.some(isAlive), 'the end of its processes');
  });
});

describe('a thread of a prover that dies at work', () => {
  const flaws = { crashed: 'proverCrashed', timeLimit: 'proverTimeLimit', memoryLimit: 'proverMemoryLimit' } as const;
  const file = new URL('../fixtures/crashingThread.mjs', import.meta.url);

  it.each([
    ['exit', 'proverCrashed', /ended with code 3/],
    ['throw', 'proverCrashed', /failed: out of luck/],
    ['hoard', 'proverMemoryLimit', /memory/],
  ])('by %s is told apart, and another takes its place', async (request, flaw, words) => {
    const thread = new KillableThread<string, string>({
      ...{ file, data: {}, flaws },
      resourceLimits: { maxOldGenerationSizeMb: 32 },
    });
    const progress: number[] = [];
    const error = await failureOf(thread.ask(request, { onProgress: (ppm) => progress.push(ppm) }));
    expect(error).toMatchObject({ code: 'provingFailed', flaw });
    expect(error.message).toMatch(words);
    await expect(thread.ask('the next job')).resolves.toBe('the next job');
    await thread.close();
  });
});

describe('a disk that takes no more', () => {
  const hasLimits = process.platform === 'linux' && spawnSync('sh', ['-c', 'ulimit -f 1']).status === 0;

  it.skipIf(!hasLimits)('fails the proof of an external prover with what to do, and leaves nothing behind', () => {
    const script = join(folder, 'prove.mjs');
    const options = { zkey: null, threads: 1, selfCheck: false };
    const at = (path: string) => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);
    writeFileSync(
      script,
      `import { readFileSync, readdirSync } from 'node:fs';
      const { createProver } = await import(${at('prover-agent/proving/prover.js')});
      const { parseTemplate } = await import(${at('prover-agent/proving/backends/commandTemplate.js')});
      const { sampleInput } = await import(${at('prover-agent/proving/sampleInput.js')});
      const files = ${JSON.stringify(circuitFiles())};
      const command = { template: parseTemplate('true'), zkeyPath: files.zkey, workDir: ${JSON.stringify(join(folder, 'work'))} };
      const prover = createProver({ ...${JSON.stringify(options)}, command, wasm: readFileSync(files.wasm),
        verificationKey: JSON.parse(readFileSync(files.verificationKey, 'utf8')) });
      const error = await prover.prove(sampleInput()).catch((reason) => reason);
      const left = readdirSync(command.workDir);
      console.log(JSON.stringify({ code: error.code, flaw: error.flaw, message: error.message, left }));
      await prover.close();`,
    );
    // Files may have 16 KB here; the witness of the rollup has a megabyte.
    const limited = `ulimit -f 32 && exec "${process.execPath}" "${script}"`;
    const run = spawnSync('sh', ['-c', limited], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
    });
    expect(run.stderr).toBe('');
    const told = JSON.parse(run.stdout) as { code: string; flaw: string; message: string; left: string[] };
    expect(told).toMatchObject({ code: 'provingFailed', flaw: 'diskFailed', left: [] });
    expect(told.message).toMatch(
      /the witness could not be written in .*: files may not get that large here: raise the limit/,
    );
    expect(existsSync(join(folder, 'work'))).toBe(true);
  });
});
