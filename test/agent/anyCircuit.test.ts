/** An agent and circuits of requesters: which it serves, and that it proves them, whatever their proof system. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf } from '#protocol/verificationKey.js';
import type { CircuitView, JobView } from '#protocol/views.js';
import { ZK_PROTOCOLS, type ZkProtocol } from '#protocol/zkProof.js';
import { verifyZkProof } from '../fixtures/snarkjsCheck.js';
import { tinyCircuitFile, tinyInput, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { BLOCK_ID, jobOf, sideOf } from './agentFixtures.js';
import { type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

const fileOf = (name: string) => readFileSync(tinyCircuitFile(name));
const artifactOf = (bytes: Uint8Array) => {
  return { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as Hex, bytes: bytes.length };
};

/** A circuit as a stranger registers it: without a sample. */
function circuitOf(protocol: ZkProtocol, more: Partial<CircuitView> = {}): CircuitView {
  const { vk_alphabeta_12: _, ...key } = tinyKey(protocol) as unknown as Record<string, never>;
  return {
    circuitId: circuitIdOf(tinyKey(protocol)),
    name: `tiny-${protocol}`,
    kind: 'generic',
    protocol,
    signalCount: 3,
    wasm: artifactOf(fileOf('tinyCircuit.wasm')),
    zkey: artifactOf(fileOf(`${protocol}.zkey`)),
    samples: [],
    verificationKey: key,
    ...more,
  };
}

let dataDir: string;
let coordinator: FakeCoordinator;
let account: Account;
let circuits: CircuitView[];
let dues: JobView[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-any-circuit-'));
  account = accountOf(newPrivateKey());
  [circuits, dues, events, stop, running] = [[], [], [], new AbortController(), Promise.resolve()];
  const files = ['tinyCircuit.wasm', ...ZK_PROTOCOLS.map((protocol) => `${protocol}.zkey`)].map(fileOf);
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits }),
    getCircuit: ({ params }) => circuits.find(({ circuitId }) => circuitId === params.circuitId),
    getArtifact: ({ params }) => {
      const found = files.find((file) => artifactOf(file).sha256 === params.sha256);
      if (!found) throw new Refusal('notFound');
      return found;
    },
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: ({ params }) => {
      const input = tinyInput(Number(params.jobId.split('.')[1]));
      return { inputHash: contentHashOf(input), input };
    },
  });
});

afterEach(async () => {
  stop.abort();
  await running;
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function start(more: object): void {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir, finishMs: 0, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  running = runAgent(config, { account, log, signal: stop.signal });
}

const all = (event: string) => events.filter((one) => one.event === event).map(({ fields }) => fields);
const calls = (name: string) => coordinator.calls.filter((call) => call.name === name).map((call) => call.request);

/** Waits as long as a slow machine needs, since zkProofs are real here; ends when the agent does. */
async function untilReal(holds: () => boolean): Promise<void> {
  let end: unknown = null;
  running.then(
    () => (end ??= 'stopped'),
    (error) => (end = error),
  );
  const limitMs = performance.now() + 100_000;
  while (!holds()) {
    if (performance.now() > limitMs) end ??= 'not, but it takes too long';
    if (end) throw new Error(`the agent ended (${String(end)}): ${JSON.stringify(events.slice(-5))}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A job over an input of the tiny circuit. */
function tinyJob(index: number, circuit: CircuitView): JobView {
  return jobOf(index, {
    circuitId: circuit.circuitId,
    publicSignals: tinySamples('groth16')[index]!.publicSignals,
    inputHash: contentHashOf(tinyInput(index)),
    deadlineMs: Date.now() + 600_000,
    primary: sideOf(account.address, { dueMs: Date.now() + 600_000 }),
  });
}

describe('an agent that accepts circuits of requesters', () => {
  it('measures each without a sample, and proves its jobs: Groth16, PLONK and FFLONK', async () => {
    circuits = ZK_PROTOCOLS.map((protocol) => circuitOf(protocol));
    dues = circuits.map((circuit, index) => tinyJob(index, circuit));
    start({ accept: ['protocol:groth16', 'protocol:plonk', `${circuits[2]!.circuitId}`] });
    await untilReal(() => calls('submitProof').length === 3);
    expect(
      all('circuitReady')
        .map(({ circuitId }) => circuitId)
        .sort(),
    ).toEqual(circuits.map(({ circuitId }) => circuitId).sort());
    for (const { promisedMs } of all('circuitReady')) expect(promisedMs).toBeGreaterThan(0);
    for (const [index, protocol] of ZK_PROTOCOLS.entries()) {
      const { body } = calls('submitProof').find(({ body }) => body.message.jobId === `${BLOCK_ID}.${index}`)!;
      expect(await verifyZkProof(protocol, body)).toBe(true);
    }
    // A job of a circuit whose turn had not come was waited for, not handed back.
    expect(calls('giveUp')).toEqual([]);
  });

  it('serves the others when one is without its files, or has those of another circuit', async () => {
    const lost = circuitOf('plonk', { zkey: { sha256: `0x${'77'.repeat(32)}`, bytes: 10 } });
    const swapped = circuitOf('fflonk', { zkey: artifactOf(fileOf('plonk.zkey')) });
    circuits = [lost, swapped, circuitOf('groth16')];
    start({ accept: ['*'] });
    await untilReal(() => all('circuitReady').length === 1 && all('circuitFailed').length === 2);
    expect(all('circuitReady')[0]!.circuitId).toBe(circuits[2]!.circuitId);
    const reasonOf = (circuit: CircuitView) =>
      all('circuitFailed').find(({ circuitId }) => circuitId === circuit.circuitId)!;
    expect(reasonOf(lost)).toMatchObject({ reason: expect.stringContaining('has no artifact'), againInMs: 60_000 });
    expect(reasonOf(swapped).reason).toMatch(/is of plonk with 3 public signals, its verification key of fflonk/);
  });
});

describe('an agent with default settings', () => {
  it('asks nothing for circuits of strangers, and says once why it passes them by', async () => {
    circuits = [circuitOf('plonk')];
    start({});
    await untilReal(() => all('feedConnected').length === 1);
    const entry = { ...circuits[0], type: 'circuitRegistered', atMs: Date.now(), registration: null };
    coordinator.publish(entry as unknown as EntryOf<'circuitRegistered'>);
    coordinator.publish({ ...entry, ...circuitOf('fflonk') } as unknown as EntryOf<'circuitRegistered'>);
    await untilReal(() => all('circuitPassedBy').length === 2);
    expect(all('circuitPassedBy').map(({ code, protocol }) => [code, protocol])).toEqual([
      ['notAccepted', 'plonk'],
      ['notAccepted', 'fflonk'],
    ]);
    expect(calls('getArtifact')).toEqual([]);
    expect(calls('getCircuit')).toEqual([]);
  });

  it.each([
    ['zkeyTooLarge', 513, /has 513 MB, at most 512 are taken \(--zkey-max\)/],
    ['memoryTooSmall', 200, /takes about 2300 MB in 1 slots, 512 may be used/],
  ])('passes by what is too large: %s', async (code, mib, reason) => {
    circuits = [circuitOf('plonk', { zkey: { sha256: `0x${'77'.repeat(32)}`, bytes: mib * 1_048_576 } })];
    start({ accept: ['*'], memoryMb: 512 });
    await untilReal(() => all('ready').length === 1);
    expect(all('circuitPassedBy')).toEqual([
      expect.objectContaining({ code, reason: expect.stringMatching(reason) as string }),
    ]);
    expect(calls('getArtifact')).toEqual([]);
  });
});

it('rules that mean nothing are refused', () => {
  const config = { coordinator: coordinator.baseUrl, dataDir };
  for (const rule of ['kind:plonk', 'protocol:stark', '0x12', 'a name', 'a,b', '']) {
    expect(() => parseAgentConfig({ ...config, accept: [rule] })).toThrow(/accept/);
  }
  expect(parseAgentConfig({ ...config, accept: ['tiny-plonk', '*'] }).accept).toEqual(['tiny-plonk', '*']);
});
