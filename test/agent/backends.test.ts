import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearWork, runBounded } from '#agent/proving/backends/boundedProgram.js';
import { parseTemplate } from '#agent/proving/backends/commandTemplate.js';
import { createProver, type Prover } from '#agent/proving/prover.js';
import { ProvingError } from '#agent/proving/provingError.js';
import { parseZkProof, ZK_PROTOCOLS, type ZkProtocol } from '#protocol/zkProof.js';
import { verifyZkProof } from '../fixtures/snarkjsCheck.js';
import { tinyCircuitFile, tinyInput, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { isAlive, until } from './agentFixtures.js';

const fakeProver = fileURLToPath(new URL('../fixtures/provers/fakeProver.mjs', import.meta.url));
const wasm = readFileSync(tinyCircuitFile('tinyCircuit.wasm'));

let folder: string;
let open: Prover[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-backends-'));
  open = [];
  process.env.TEST_PIDS_FILE = join(folder, 'pids');
});

afterEach(async () => {
  await Promise.all(open.map((prover) => prover.close()));
  // A failed test must not leave its processes to the machine.
  for (const pid of notedPids().filter(isAlive)) process.kill(pid, 'SIGKILL');
  delete process.env.TEST_PIDS_FILE;
  rmSync(folder, { recursive: true, force: true });
});

const workDir = () => join(folder, 'work');

/** A prover of the tiny circuit by an external program. */
function external(command: string, protocol: ZkProtocol = 'groth16', more: object = {}): Prover {
  const zkeyPath = tinyCircuitFile(`${protocol}.zkey`);
  const made = createProver({
    wasm,
    zkey: null,
    command: { template: parseTemplate(command), zkeyPath, workDir: workDir() },
    verificationKey: tinyKey(protocol),
    threads: 1,
    ...more,
  });
  open.push(made);
  return made;
}

const behaving = (behaviour: string) => external(`${process.execPath} "${fakeProver}" ${behaviour}`);

const notedPids = () =>
  existsSync(join(folder, 'pids')) ? readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number) : [];

async function failureOf(work: Promise<unknown>): Promise<ProvingError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProvingError);
  // The witness is private: it goes with the work, however that ended.
  expect(existsSync(workDir()) ? readdirSync(workDir()) : []).toEqual([]);
  return error as ProvingError;
}

describe('snarkjs as a backend', () => {
  it.each(ZK_PROTOCOLS)('proves and checks %s from a shared proving key', async (protocol) => {
    const zkey = readFileSync(tinyCircuitFile(`${protocol}.zkey`));
    const prover = createProver({ wasm, zkey, verificationKey: tinyKey(protocol), threads: 1 });
    open.push(prover);
    for (const index of [0, 1]) {
      const heard: number[] = [];
      const made = await prover.prove(tinyInput(index), ({ progressPpm }) => heard.push(progressPpm));
      expect(made.publicSignals).toEqual(tinySamples(protocol)[index]!.publicSignals);
      expect(parseZkProof(protocol, made.zkProof)).toEqual({ ok: true, zkProof: made.zkProof });
      expect(await verifyZkProof(protocol, made)).toBe(true);
      expect(heard.length).toBeGreaterThan(5);
      expect(heard).toEqual(heard.toSorted((a, b) => a - b));
    }
  });

  it('does not hand out a zkProof that its verification key refuses', async () => {
    for (const protocol of ZK_PROTOCOLS) {
      // A proving key of another ceremony or circuit looks like this.
      const key = tinyKey(protocol);
      const wrong =
        key.protocol === 'groth16' ? { ...key, IC: key.IC.toReversed() } : { ...key, k1: key.k2, k2: key.k1 };
      const zkey = readFileSync(tinyCircuitFile(`${protocol}.zkey`));
      const prover = createProver({ wasm, zkey, verificationKey: wrong, threads: 1 });
      open.push(prover);
      const error = await failureOf(prover.prove(tinyInput(0)));
      expect(error).toMatchObject({ code: 'provingFailed', flaw: 'zkProofInvalid' });
    }
  });

  it('is ended when it takes longer than the job has', async () => {
    const zkey = readFileSync(tinyCircuitFile('groth16.zkey'));
    const prover = createProver({ wasm, zkey, verificationKey: tinyKey('groth16'), threads: 1 });
    open.push(prover);
    // No thread is up in a millisecond.
    const error = await failureOf(prover.prove(tinyInput(0), undefined, undefined, 1));
    expect(error.flaw).toMatch(/^(witness|prover)TimeLimit$/);
    await expect(prover.prove(tinyInput(0))).resolves.toMatchObject({ witnessMs: expect.any(Number) });
  });
});

describe('an external prover', () => {
  it('proves, and what it writes becomes the strict spelling', async () => {
    const prover = behaving('honest');
    await prover.warm();
    const made = await prover.prove(tinyInput(0));
    expect(made.publicSignals).toEqual(tinySamples('groth16')[0]!.publicSignals);
    expect(parseZkProof('groth16', made.zkProof).ok).toBe(true);
    expect(readdirSync(workDir())).toEqual([]);
    expect(await prover.prove(tinyInput(3))).toMatchObject({ publicSignals: tinySamples('groth16')[3]!.publicSignals });
  });

  it('may spell its zkProof in other ways', async () => {
    const made = await behaving('otherSpelling').prove(tinyInput(0));
    expect(made.zkProof).toEqual(tinySamples('groth16')[0]!.zkProof);
  });

  it('may be any program: here one that copies a PLONK zkProof to where the template says', async () => {
    const samples = join(folder, 'sample.json');
    const { zkProof, publicSignals } = tinySamples('plonk')[0]!;
    writeFileSync(samples, JSON.stringify(zkProof));
    const script = 'test -s {witness} && test -s {zkey} && test {threads} = 1 && cp "$0" {zkProof}';
    const made = await external(`sh -c '${script}' ${samples}`, 'plonk').prove(tinyInput(0));
    expect(made).toMatchObject({ zkProof, publicSignals });
  });

  it.each([
    ['rubbish', 'proverOutput', /no JSON/],
    ['otherJson', 'proverOutput', /no groth16 zkProof/],
    ['empty', 'proverOutput', /wrote no zkProof/],
    ['directory', 'proverOutput', /no file/],
    ['link', 'proverOutput', /wrote no zkProof/],
    ['large', 'proverOutput', /bytes/],
    ['flood', 'proverOutput', /killed: it writes more than/],
    ['chatter', 'proverOutput', /killed: it says too much/],
    ['crash', 'proverCrashed', /SIGSEGV/],
    ['second', 'zkProofInvalid', /does not verify/],
  ] as const)('that misbehaves like this is refused: %s', async (behaviour, flaw, words) => {
    const error = await failureOf(behaving(behaviour).prove(tinyInput(0)));
    expect(error).toMatchObject({ code: 'provingFailed', flaw });
    expect(error.message).toMatch(words);
  });

  it('that fails is quoted, but not what it says of the witness', async () => {
    const error = await failureOf(behaving('fail').prove(tinyInput(0)));
    expect(error).toMatchObject({ code: 'provingFailed', flaw: 'proverCrashed' });
    expect(error.message).toContain('ended with code 1, saying: cannot prove: wire 7 is …');
    expect(error.message).not.toMatch(/\d{12}/);
  });

  it('that is not there is named', async () => {
    const error = await failureOf(external('/nowhere/prover').prove(tinyInput(0)));
    expect(error).toMatchObject({ code: 'provingFailed', flaw: 'proverMissing' });
    expect(error.message).toContain('/nowhere/prover could not be started: ENOENT');
  });

  it.each(['hang', 'stubborn'])('that hangs is killed with its children: %s', async (behaviour) => {
    const error = await failureOf(behaving(behaviour).prove(tinyInput(0), undefined, undefined, 4_000));
    expect(error).toMatchObject({ code: 'provingFailed', flaw: 'proverTimeLimit' });
    const pids = notedPids();
    expect(pids).toHaveLength(behaviour === 'hang' ? 1 : 3);
    await until(() => !pids.some(isAlive), 'the end of all its processes');
  });

  it('is killed with its children when its job ends', async () => {
    const abort = new AbortController();
    const working = failureOf(behaving('stubborn').prove(tinyInput(0), undefined, abort.signal));
    await until(() => notedPids().length === 3, 'its processes');
    abort.abort();
    expect((await working).code).toBe('cancelled');
    await until(() => !notedPids().some(isAlive), 'the end of all its processes');
  });

  it('is killed when the agent closes', async () => {
    const prover = behaving('hang');
    const working = failureOf(prover.prove(tinyInput(0)));
    await until(() => notedPids().length === 1, 'its process');
    await prover.close();
    expect((await working).code).toBe('cancelled');
    await until(() => !notedPids().some(isAlive), 'its end');
  });

  it('leaves nothing running behind, though it ended well', async () => {
    const made = await behaving('leaver').prove(tinyInput(0));
    expect(made.zkProof).toEqual(tinySamples('groth16')[0]!.zkProof);
    expect(notedPids()).toHaveLength(1);
    await until(() => !notedPids().some(isAlive), 'the end of its child');
  });

  it('does not get the agent’s key', async () => {
    process.env.UNDERSTUDY_KEY = `0x${'11'.repeat(32)}`;
    try {
      const sample = join(folder, 'sample.json');
      writeFileSync(sample, JSON.stringify(tinySamples('groth16')[0]!.zkProof));
      const script = 'test -z "$UNDERSTUDY_KEY" && cp "$0" {zkProof}; : {witness}';
      await external(`sh -c '${script}' ${sample}`).prove(tinyInput(0));
    } finally {
      delete process.env.UNDERSTUDY_KEY;
    }
  });

  it('does not start for an input without a witness', async () => {
    const error = await failureOf(behaving('hang').prove({ ...tinyInput(0), c: '1' }));
    expect(error).toMatchObject({ code: 'witnessFailed', flaw: 'unsatisfied' });
    expect(notedPids()).toEqual([]);
  });
});

describe('work that an agent left when it was killed', () => {
  it('is ended and removed at the next start', async () => {
    const job = join(workDir(), 'job-of-old');
    mkdirSync(job, { recursive: true });
    // As if the agent that started it were gone: nobody here ends it.
    const ended = runBounded({
      program: process.execPath,
      args: [fakeProver, 'stubborn'],
      folder: job,
      defaults: {},
      signal: undefined,
      limitMs: 60_000,
      watch: () => null,
    });
    await until(() => notedPids().length === 3, 'its processes');
    clearWork(workDir());
    expect(existsSync(workDir())).toBe(false);
    await until(() => !notedPids().some(isAlive), 'the end of all its processes');
    expect(await ended).toMatchObject({ kind: 'exit', signal: 'SIGKILL' });
  });
});
