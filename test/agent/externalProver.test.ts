import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { JobView } from '#protocol/views.js';
import { parseZkProof } from '#protocol/zkProof.js';
import { committedCircuit, isAlive, jobOf, sampleSignals, sideOf, until } from './agentFixtures.js';
import { type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

const files = circuitFiles();
const artifactOf = (path: string) => {
  const bytes = readFileSync(path);
  return { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
};
const circuit = committedCircuit({ wasm: artifactOf(files.wasm), zkey: artifactOf(files.zkey) });
const fakeProver = fileURLToPath(new URL('../fixtures/provers/fakeProver.mjs', import.meta.url));

let dataDir: string;
let coordinator: FakeCoordinator;
let account: Account;
let dues: JobView[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-external-'));
  account = accountOf(newPrivateKey());
  dues = [];
  events = [];
  stop = new AbortController();
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: () => ({ inputHash: contentHashOf(sampleInput()), input: sampleInput() }),
  });
});

afterEach(async () => {
  stop.abort();
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A program of its own file, so that it can be replaced. */
function program(behaviour: string): string {
  const path = join(dataDir, 'prover.sh');
  writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" "${fakeProver}" ${behaviour} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

function run(backends: string[]): Promise<void> {
  const artifactDir = files.folder;
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir, artifactDir, finishMs: 0, backends });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  return runAgent(config, { account, log, signal: stop.signal });
}

const find = (event: string) => events.find((one) => one.event === event);

/** Waits without a limit of its own: real zkProofs take what the machine needs. */
async function untilSome(event: string, running: Promise<void>): Promise<void> {
  let isOver = false;
  void running.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  while (!find(event)) {
    if (isOver) throw new Error(`the agent ended before ${event}: ${JSON.stringify(events)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('an agent with an external prover', () => {
  it('lets it prove the sample, then the jobs, and leaves nothing on the disk', async () => {
    const path = program('honest');
    dues = [
      jobOf(0, {
        circuitId: circuit.circuitId,
        deadlineMs: Date.now() + 600_000,
        primary: sideOf(account.address, { dueMs: Date.now() + 600_000 }),
      }),
    ];
    const running = run([`${circuit.name}=${path}`, '*=snarkjs']);
    await untilSome('circuitReady', running);
    expect(find('circuitReady')!.fields).toMatchObject({ circuitId: circuit.circuitId, backend: path });
    expect(find('circuitReady')!.fields.promisedMs).toBeGreaterThan(100);
    await untilSome('proofDelivered', running);
    const { body } = coordinator.calls.find(({ name }) => name === 'submitProof')!.request;
    expect(body.publicSignals).toEqual(sampleSignals());
    expect(parseZkProof('groth16', body.zkProof).ok).toBe(true);
    expect(readdirSync(join(dataDir, 'work'))).toEqual([]);
    expect(JSON.stringify(events)).not.toContain(sampleInput().preStateRoot as string);
    stop.abort();
    await running;

    // It is known now: no sample at the next start. Another program under its name is not.
    events = [];
    stop = new AbortController();
    program('rubbish');
    await expect(run([`${circuit.name}=${path}`])).rejects.toThrow(/prover.sh did not prove the sample/);
  });

  it('does not serve a circuit with a prover whose zkProofs do not verify', async () => {
    await expect(run([`*=${program('second')}`])).rejects.toMatchObject({
      message: expect.stringContaining('did not prove the sample of circuit'),
      cause: { flaw: 'zkProofInvalid' },
    });
    expect(existsSync(join(dataDir, 'measurements.json'))).toBe(false);
    expect(coordinator.calls.some(({ name }) => name === 'placeBid')).toBe(false);
  });

  it('can be stopped while the prover hangs on the sample, and takes it along', async () => {
    process.env.TEST_PIDS_FILE = join(dataDir, 'pids');
    try {
      const running = run([`*=${program('hang')}`]);
      await until(() => existsSync(join(dataDir, 'pids')), 'the program');
      stop.abort();
      await running;
      const pid = Number(readFileSync(join(dataDir, 'pids'), 'utf8'));
      await until(() => !isAlive(pid), 'the end of the program');
    } finally {
      delete process.env.TEST_PIDS_FILE;
    }
  });

  it('says at the start that the program is missing', async () => {
    await expect(run([`${circuit.circuitId}=rapidsnark-of-nowhere`])).rejects.toThrow(
      /rapidsnark-of-nowhere is in no folder of PATH/,
    );
  });
});
