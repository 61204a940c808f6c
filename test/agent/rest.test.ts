/** An idle agent lets go of its provers, and has them back when it bids or holds a job. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { createProver, type ProverFactory } from '#agent/proving/prover.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf } from '#protocol/verificationKey.js';
import type { CircuitView, JobView } from '#protocol/views.js';
import { tinyCircuitFile, tinyInput, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { clearedFor, jobOf, sideOf } from './agentFixtures.js';
import { type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 120_000 });

const files = ['tinyCircuit.wasm', 'groth16.zkey'].map((name) => readFileSync(tinyCircuitFile(name)));
const artifactOf = (bytes: Uint8Array) => {
  return { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as Hex, bytes: bytes.length };
};
const { vk_alphabeta_12: _, ...key } = tinyKey('groth16') as unknown as Record<string, never>;
const circuit: CircuitView = {
  ...{ circuitId: circuitIdOf(tinyKey('groth16')), name: 'tiny', kind: 'generic', protocol: 'groth16' },
  ...{ signalCount: 3, samples: [], verificationKey: key },
  ...{ wasm: artifactOf(files[0]!), zkey: artifactOf(files[1]!) },
};

let dataDir: string;
let coordinator: FakeCoordinator;
let account: Account;
let dues: JobView[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;
let running: Promise<void>;
/** Provers that were made and not closed again. */
let awake: number;

const counting: ProverFactory = (options) => {
  const made = createProver(options);
  awake += 1;
  return {
    warm: () => made.warm(),
    prove: (...args) => made.prove(...args),
    rehearse: (...args) => made.rehearse!(...args),
    async close() {
      awake -= 1;
      await made.close();
    },
  };
};

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-rest-'));
  account = accountOf(newPrivateKey());
  [dues, events, stop, awake] = [[], [], new AbortController(), 0];
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: ({ params }) => files.find((file) => artifactOf(file).sha256 === params.sha256),
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: () => ({ inputHash: contentHashOf(tinyInput(0)), input: tinyInput(0) }),
  });
  const given = { coordinator: coordinator.baseUrl, dataDir, finishMs: 0, accept: ['*'], slots: 2, restAfterMs: 300 };
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  const options = { account, log, signal: stop.signal, createProver: counting };
  running = runAgent(parseAgentConfig(given), options);
  await until(() => happened('feedConnected') > 0 && happened('resting') > 0, 'an idle agent');
});

afterEach(async () => {
  stop.abort();
  await running;
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const happened = (event: string) => events.filter((one) => one.event === event).length;
const callsOf = (name: string) => coordinator.calls.filter((call) => call.name === name).map((call) => call.request);

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}: ${JSON.stringify(events.slice(-6))}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function award(): void {
  dues = [
    jobOf(0, {
      circuitId: circuit.circuitId,
      publicSignals: tinySamples('groth16')[0]!.publicSignals,
      inputHash: contentHashOf(tinyInput(0)),
      deadlineMs: Date.now() + 600_000,
      primary: sideOf(account.address, { dueMs: Date.now() + 600_000 }),
    }),
  ];
  coordinator.publish(clearedFor(account.address, dues[0]!));
}

it('holds no prover while it rests, and proves a job that comes all the same', async () => {
  expect(awake).toBe(0);
  award();
  await until(() => callsOf('submitProof').length === 1, 'the delivery');
  expect(callsOf('giveUp')).toEqual([]);
  dues = [];
  coordinator.publish({
    ...{ type: 'jobExpired', atMs: Date.now(), jobId: callsOf('submitProof')[0]!.body.message.jobId },
    ...{ reason: 'deadlinePassed', excused: [], postings: [] },
  });
  await until(() => happened('resting') === 2, 'another rest');
  expect(awake).toBe(0);
});

it('wakes all its provers for a bid, before the round is cleared', async () => {
  const [closesAtMs, deadlineMs] = [30_000, 600_000].map((ms) => Date.now() + ms);
  coordinator.publish({
    ...{ type: 'roundOpened', atMs: Date.now(), roundId: `0x${'b1'.repeat(32)}.r0`, blockId: `0x${'b1'.repeat(32)}` },
    ...{ circuitId: circuit.circuitId, jobIds: [`0x${'b1'.repeat(32)}.0`], step: 0, parametersVersion: 1 },
    ...{ sealing: 'receipt', maxPriceWei: (10n ** 18n).toString(), closesAtMs, deadlineMs },
  } as never);
  await until(() => happened('bidPlaced') === 1, 'a bid');
  await until(() => awake === 2, 'its provers');
  expect(happened('awake')).toBe(1);
});

it('reads its files anew, and fetches one again that was spoiled while it rested', async () => {
  const path = join(dataDir, 'artifacts', circuit.zkey.sha256.slice(2));
  expect(existsSync(path)).toBe(true);
  const spoiled = Buffer.from(files[1]!);
  spoiled[spoiled.length - 5]! ^= 1;
  writeFileSync(path, spoiled);
  const before = callsOf('getArtifact').length;
  award();
  await until(() => callsOf('submitProof').length === 1, 'the delivery');
  expect(callsOf('getArtifact').length).toBe(before + 1);
  expect(readFileSync(path).equals(files[1]!)).toBe(true);
});

it('says why when its files cannot be had again', async () => {
  rmSync(join(dataDir, 'artifacts'), { recursive: true });
  writeFileSync(join(dataDir, 'artifacts'), 'a file in the place of the folder');
  award();
  await until(() => happened('proofFailed') > 0, 'a failure');
  const { fields } = events.find(({ event }) => event === 'proofFailed')!;
  expect(fields).toMatchObject({ code: 'provingFailed', flaw: 'filesLost' });
  expect(fields.reason).toMatch(/could not be loaded again: artifact 0x.* could not be kept in .*artifacts/);
});
