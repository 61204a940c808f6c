/** An agent on a market that asks for a challenge job first. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { ChallengeView } from '#protocol/views.js';
import { BLOCK_ID, committedCircuit, jobOf, sampleSignals, slowProver, until } from './agentFixtures.js';
import { type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const sample = { publicSignals: sampleSignals(), inputHash: contentHashOf(sampleInput()) };
const circuit = { ...committedCircuit({ wasm: artifact, zkey: artifact }), samples: [sample, sample] };

let dataDir: string;
let account: Account;
let coordinator: FakeCoordinator;
let challenge: ChallengeView | null;
let events: string[];
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-agent-'));
  account = accountOf(newPrivateKey());
  challenge = null;
  events = [];
  stop = new AbortController();
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: () => bytes,
    getSample: () => ({ ...sample, input: sampleInput() }),
    requestChallenge: () => issue('open', Date.now() + 60_000),
    listChallenges: () => ({ challenges: challenge ? [challenge] : [] }),
    submitChallenge: () => {
      challenge!.status = 'passed';
      return accepted;
    },
    listOpenRounds: () => ({ rounds: [round()] }),
  });
});

afterEach(async () => {
  stop.abort();
  await running;
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const accepted = { digest: `0x${'00'.repeat(32)}`, firstIndex: 0, entryCount: 1, atMs: 1 };

function issue(status: ChallengeView['status'], dueMs: number) {
  const about = { prover: account.address, circuitId: circuit.circuitId, challengeId: BLOCK_ID, sampleIndex: 1 };
  challenge = { ...about, issuedAtMs: Date.now(), dueMs, status, submissionId: null, receivedAtMs: null };
  return { ...accepted, sampleIndex: 1, dueMs };
}

const round = () => ({
  roundId: `${BLOCK_ID}.r0`,
  blockId: BLOCK_ID,
  circuitId: circuit.circuitId,
  jobIds: [`${BLOCK_ID}.0`],
  step: 0,
  parametersVersion: 1,
  maxPriceWei: (10n ** 18n).toString(),
  deadlineMs: Date.now() + 60_000,
  openedAtMs: Date.now(),
  closesAtMs: Date.now() + 30_000,
  sealing: 'receipt' as const,
  sealedAtMs: null,
  sealedEntryIndex: null,
  revealsUntilMs: null,
  revealExcused: false,
  clearedAtMs: null,
  withdrawn: false,
  escalations: [],
  bidCount: 0,
});

const callsOf = (name: string) => coordinator.calls.filter((call) => call.name === name);

function start(): void {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir });
  const log = (event: string) => void events.push(event);
  running = runAgent(config, { account, log, signal: stop.signal, createProver: slowProver(5) });
}

describe('an agent that is new to a circuit', () => {
  it('proves its challenge as its first measurement, and bids when it has passed', async () => {
    start();
    await until(() => events.includes('bidPlaced'), 'a bid');
    expect(events.indexOf('challengePassed')).toBeLessThan(events.indexOf('bidPlaced'));
    expect(callsOf('getSample').map(({ request }) => request.params.index)).toEqual(['1']);
    expect(callsOf('submitChallenge')[0]?.request.body.message).toMatchObject({
      prover: account.address,
      challengeId: BLOCK_ID,
    });
    expect(callsOf('requestChallenge')).toHaveLength(1);
  });

  it('asks nothing once it has passed', async () => {
    const { getAccount } = coordinator.handlers;
    const prover = { owner: account.address, name: 'prover', challengesPassed: [circuit.circuitId] };
    coordinator.handlers.getAccount = (request) => ({ ...(getAccount!(request) as object), prover });
    start();
    await until(() => callsOf('placeBid').length === 1, 'a bid');
    for (const route of ['listChallenges', 'requestChallenge', 'getSample']) expect(callsOf(route)).toEqual([]);
  });

  it('takes up an open challenge again, and waits for a verdict that is not there yet', async () => {
    issue('received', Date.now() + 60_000);
    start();
    await until(() => events.includes('ready'), 'the agent');
    expect(callsOf('placeBid')).toEqual([]);
    challenge!.status = 'passed';
    await until(() => callsOf('placeBid').length === 1, 'a bid');
    expect(callsOf('requestChallenge')).toEqual([]);
  });

  it('comes back to what is in the pool when it has passed: no job is lost for having come too early', async () => {
    const terms = { cause: 'unsold' as const, fromWei: (10n ** 18n).toString(), toWei: (10n ** 18n).toString() };
    const pool = { ...terms, openedAtMs: Date.now(), atFault: [], commitments: [] };
    const jobs = [0, 1].map((index) => jobOf(index, { circuitId: circuit.circuitId, status: 'pooled', pool }));
    coordinator.handlers.listPool = () => ({ jobs });
    coordinator.handlers.getJob = ({ params }) => jobs.find(({ jobId }) => jobId === params.jobId);
    coordinator.handlers.getJobInput = () => {
      if (challenge?.status !== 'passed') throw new Refusal('challengeNeeded');
      return { inputHash: contentHashOf(sampleInput()), input: sampleInput() };
    };
    issue('received', Date.now() + 60_000);
    start();
    await until(() => events.includes('ready') && callsOf('listPool').length > 0, 'a look at the pool');
    const before = callsOf('listChallenges').length;
    await until(() => callsOf('listChallenges').length > before + 2, 'the challenge to go on');
    expect(callsOf('getJobInput')).toEqual([]);
    challenge!.status = 'passed';
    await until(() => events.filter((event) => event === 'proofDelivered').length === 2, 'both');
  });

  it('tries again when a challenge has failed and would have been due', async () => {
    let tries = 0;
    coordinator.handlers.requestChallenge = () => {
      if (challenge && Date.now() < challenge.dueMs) throw new Refusal('challengeOpen');
      return issue('open', Date.now() + 1_500);
    };
    coordinator.handlers.submitChallenge = () => {
      tries += 1;
      challenge!.status = tries === 1 ? 'failed' : 'passed';
      return accepted;
    };
    start();
    await until(() => callsOf('placeBid').length === 1, 'a bid');
    expect(events).toContain('challengeFailed');
    expect(tries).toBe(2);
  });
});
