/**
 * Keys and private inputs of a real agent process: in none of its words, its files, its reports of a crash, or what its
 * programs are told; and no input outlives its job.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { JobView } from '#protocol/views.js';
import { BLOCK_64_ZK_PROOFS, ensureBlock64ZkProofs } from '../fixtures/block64.js';
import { LiveProcess } from '../setup/liveProcess.js';
import { committedCircuit, jobOf, sideOf } from './agentFixtures.js';
import { type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 180_000 });

const files = circuitFiles();
const artifactOf = (path: string) => {
  const bytes = readFileSync(path);
  return { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
};
const circuit = committedCircuit({ wasm: artifactOf(files.wasm), zkey: artifactOf(files.zkey) });
const preparedProver = fileURLToPath(new URL('../fixtures/provers/preparedProver.mjs', import.meta.url));

const privateKey = newPrivateKey();
const account = accountOf(privateKey);
/** The numbers of the input that nobody else knows: signatures, keys, balances' paths. */
const secrets = (JSON.stringify(sampleInput()).match(/\d{40,}/g) ?? []).filter(
  (number) => !Object.values(sampleInput()).includes(number),
);

let folder: string;
let coordinator: FakeCoordinator;
let dues: JobView[];
let agent: LiveProcess;

beforeEach(async () => {
  await ensureBlock64ZkProofs();
  folder = mkdtempSync(join(tmpdir(), 'understudy-secrets-'));
  mkdirSync(join(folder, 'reports'));
  dues = [];
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: () => ({ inputHash: contentHashOf(sampleInput()), input: sampleInput() }),
  });
  const program = `"${process.execPath}" "${preparedProver}" honest 200 "${BLOCK_64_ZK_PROOFS}" "${folder}/count"`;
  const flags = ['--data-dir', join(folder, 'data'), '--artifact-dir', files.folder, '--finish', '0'];
  flags.push('--backend', `*=${program} {zkey} {witness} {zkProof}`);
  const reports = `--report-on-signal --report-on-fatalerror --report-uncaught-exception --report-dir=${folder}/reports`;
  agent = new LiveProcess(['agent', 'run', '--coordinator', coordinator.baseUrl, ...flags], {
    UNDERSTUDY_KEY: privateKey,
    NODE_OPTIONS: reports,
  });
});

afterEach(async () => {
  await agent.kill();
  await coordinator.close();
  rmSync(folder, { recursive: true, force: true });
});

const event = (name: string) => agent.line((line) => line.event === name, `the event ${name}`, 120_000);

function take(index: number): void {
  const side = sideOf(account.address, { dueMs: Date.now() + 600_000 });
  dues = [jobOf(index, { circuitId: circuit.circuitId, deadlineMs: Date.now() + 600_000, primary: side })];
}

/** Everything that the agent has said or left, except where keys belong. */
function words(): { place: string; text: string }[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = entries.map((one) => join(one.parentPath, one.name));
  const found = paths.map((place) => ({ place, text: readFileSync(place, 'latin1') }));
  return [...found, { place: 'its output', text: JSON.stringify([agent.lines, agent.texts]) }];
}

function expectSilence(): void {
  expect(secrets.length).toBeGreaterThan(20);
  for (const { place, text } of words()) {
    expect(text.toLowerCase().includes(privateKey.slice(2).toLowerCase()), `the key in ${place}`).toBe(false);
    expect(
      secrets.filter((number) => text.includes(number)),
      `inputs in ${place}`,
    ).toEqual([]);
  }
}

it('are in no log and no file after a job, whose witness is gone', async () => {
  take(0);
  await event('proofDelivered');
  coordinator.publish({
    ...{ type: 'jobExpired', atMs: Date.now(), jobId: dues[0]!.jobId, reason: 'deadlinePassed' },
    ...{ excused: [], postings: [] },
  });
  await event('jobDropped');
  expect(readdirSync(join(folder, 'data', 'work'))).toEqual([]);
  expectSilence();
});

it('are in no report of a crash, not even of one in the middle of a job', async () => {
  coordinator.handlers.submitProof = () => {
    // The agent holds input and zkProof now, and waits for this answer.
    process.kill(agent.pid, 'SIGUSR2');
    return new Promise(() => {});
  };
  take(0);
  const written = () => {
    const names = readdirSync(join(folder, 'reports')).filter((name) => name.endsWith('.json'));
    return names
      .map((name) => readFileSync(join(folder, 'reports', name), 'utf8'))
      .find((text) => text.endsWith('}\n'));
  };
  const endMs = performance.now() + 120_000;
  while (!written()) {
    if (performance.now() > endMs) throw new Error(`no report: ${agent.tail()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await agent.kill();
  expect(written()).toContain('environmentVariables');
  expectSilence();
});
