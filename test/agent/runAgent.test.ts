import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import type { ProverFactory } from '#agent/proving/prover.js';
import { flawed } from '#agent/proving/provingError.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { checkSigner } from '#protocol/signature.js';
import { digestOf } from '#protocol/typedData.js';
import type { JobView } from '#protocol/views.js';
import { BLOCK_ID, clearedFor, committedCircuit, jobOf, OTHER, sideOf, slowProver, until } from './agentFixtures.js';
import { FAKE_MARKET, type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });
const domain = { chainId: FAKE_MARKET.chainId, coordinatorId: FAKE_MARKET.coordinatorId as `0x${string}` };

let dataDir: string;
let coordinator: FakeCoordinator;
let account: Account;
let dues: JobView[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;
let running: Promise<void>;

const round = () => ({
  roundId: `${BLOCK_ID}.r0`,
  blockId: BLOCK_ID,
  circuitId: circuit.circuitId,
  jobIds: [`${BLOCK_ID}.0`, `${BLOCK_ID}.1`],
  step: 0,
  parametersVersion: 1,
  sealing: 'receipt' as const,
  sealedAtMs: null,
  sealedEntryIndex: null,
  revealsUntilMs: null,
  revealExcused: false,
  maxPriceWei: (10n ** 18n).toString(),
  deadlineMs: Date.now() + 60_000,
  openedAtMs: Date.now(),
  closesAtMs: Date.now() + 5_000,
  clearedAtMs: null,
  withdrawn: false,
  escalations: [],
  bidCount: 0,
});

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-agent-'));
  account = accountOf(newPrivateKey());
  dues = [];
  events = [];
  stop = new AbortController();
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: () => bytes,
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: () => ({ inputHash: contentHashOf(sampleInput()), input: sampleInput() }),
  });
});

afterEach(async () => {
  stop.abort();
  await running;
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function start(createProver: ProverFactory, more: object = {}): void {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir, finishMs: 500, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  running = runAgent(config, { account, log, signal: stop.signal, createProver });
}

const happened = (event: string) => events.some((one) => one.event === event);
const callsOf = (name: string) => coordinator.calls.filter((call) => call.name === name).map((call) => call.request);
const mine = (index: number, more: Partial<JobView> = {}) =>
  jobOf(index, { circuitId: circuit.circuitId, primary: sideOf(account.address), ...more });

describe('an agent', () => {
  it('registers, logs in, bids on an open round, proves what it is awarded and delivers it', async () => {
    coordinator.handlers.listOpenRounds = () => ({ rounds: [round()] });
    start(slowProver(20));
    await until(() => callsOf('placeBid').length > 0, 'a bid');
    const { message, signature } = callsOf('placeBid')[0]!.body;
    expect(checkSigner(digestOf(domain, 'Bid', message), signature, account.address)).toBeNull();
    expect(message.maxJobs).toBe(2);
    dues = [mine(0)];
    const explanations = [{ code: 'wonPrimary' as const, primaryJobs: 1 }];
    coordinator.publish({ ...clearedFor(account.address, dues[0]!), bids: [{ message, signature }], explanations });
    await until(() => callsOf('submitProof').length > 0, 'a delivery');
    const [result] = events.filter(({ event }) => event === 'bidResult');
    expect(result?.fields).toEqual({ roundId: message.roundId, ...explanations[0] });
    const { body } = callsOf('submitProof')[0]!;
    expect(body.message.contentHash).toBe(contentHashOf({ publicSignals: body.publicSignals, zkProof: body.zkProof }));
    expect(checkSigner(digestOf(domain, 'ProofSubmission', body.message), body.signature, account.address)).toBeNull();
    await until(() => callsOf('beat').some(({ body }) => body.jobs[0]?.stage === 'submitting'), 'a heartbeat of it');
    expect(callsOf('registerProver')).toHaveLength(1);
    expect(JSON.stringify(events)).not.toContain(sampleInput().preStateRoot as string);
  });

  it('takes up what it held before it was killed, at once and without bidding for it again', async () => {
    dues = [mine(0), mine(1, { primary: sideOf(OTHER), backup: sideOf(account.address, { status: 'standby' }) })];
    start(slowProver(20));
    await until(() => callsOf('submitProof').length === 1, 'the delivery of the first job');
    coordinator.publish({
      type: 'backupActivated',
      atMs: Date.now(),
      jobId: dues[1]!.jobId,
      prover: account.address,
      cause: 'startTime',
      expectedEndMs: null,
    });
    await until(() => callsOf('submitProof').length === 2, 'the delivery of the second job');
    expect(callsOf('submitProof').map(({ body }) => body.message.jobId)).toEqual(dues.map(({ jobId }) => jobId));
  });

  it('drops work that has ended within a second, and goes on with the next', async () => {
    dues = [mine(0), mine(1)];
    start(slowProver(1_000));
    await until(() => happened('proofStarted'), 'the first proof');
    const { jobId } = dues[0]!;
    dues = [dues[1]!];
    coordinator.publish({
      type: 'jobExpired',
      atMs: Date.now(),
      jobId,
      reason: 'deadlinePassed',
      excused: [],
      postings: [],
    });
    await until(() => happened('proofCancelled'), 'the cancellation');
    await until(() => events.filter(({ event }) => event === 'proofStarted').length === 2, 'the second proof');
    expect(callsOf('submitProof')).toHaveLength(0);
  });

  it('drops what a heartbeat names as ended', async () => {
    dues = [mine(0)];
    coordinator.handlers.beat = () => ({ leaseMs: 800, nowMs: Date.now(), dropJobIds: [`${BLOCK_ID}.0`] });
    start(slowProver(800));
    await until(() => happened('jobDropped'), 'the drop');
    expect(callsOf('submitProof')).toHaveLength(0);
  });

  it('goes on with the feed where it broke off, and repeats a delivery until it is answered', async () => {
    let failures = 3;
    const submit = coordinator.handlers.submitProof!;
    coordinator.handlers.submitProof = (request) => {
      if (failures-- > 0) throw new Refusal('unavailable');
      return submit(request);
    };
    start(slowProver(20));
    await until(() => happened('feedConnected'), 'the feed');
    coordinator.dropFeeds();
    dues = [mine(0)];
    coordinator.publish(clearedFor(account.address, dues[0]!));
    await until(() => callsOf('submitProof').length === 1, 'the delivery');
    expect(events.filter(({ event }) => event === 'deliveryDelayed')).toHaveLength(3);
  });

  it('tries a failed proof again while its bond can be saved', async () => {
    dues = [mine(0)];
    start(slowProver(5, (attempt) => attempt > 1 && attempt < 5));
    await until(() => callsOf('submitProof').length === 1, 'the delivery');
    expect(events.filter(({ event }) => event === 'proofFailed')).toHaveLength(3);
    expect(callsOf('giveUp')).toHaveLength(0);
  });

  it('hands a failing job back in time for the backup, with the reason, and goes on with the next', async () => {
    dues = [mine(0, { primary: sideOf(account.address, { dueMs: Date.now() + 3_000 }) }), mine(1)];
    // The first is the sample; the second job is proven in the pauses of the first.
    start(slowProver(5, (attempt) => attempt !== 1 && attempt !== 4));
    // Its deadline is a minute away.
    await until(() => callsOf('giveUp').length === 1, 'the hand-back');
    await until(() => callsOf('submitProof').length === 1, 'the delivery of the other');
    expect(callsOf('giveUp')[0]!.body.message).toMatchObject({ jobId: dues[0]!.jobId, reason: 'provingFailed' });
    expect(callsOf('submitProof').map(({ body }) => body.message.jobId)).toEqual([dues[1]!.jobId]);
    expect(events.filter(({ event }) => event === 'proofFailed').length).toBeGreaterThanOrEqual(2);
  });

  it('does not try again what no input can make true, and says where it breaks', async () => {
    dues = [mine(0)];
    const places = [{ template: 'Chunk', line: 7 }];
    const refusal = flawed('unsatisfied', 'the input breaks a rule of the circuit: Chunk line 7', places);
    start(slowProver(5, (attempt) => attempt > 1 && refusal));
    await until(() => callsOf('giveUp').length === 1, 'the hand-back');
    const { reason, detail } = callsOf('giveUp')[0]!.body.message;
    expect({ reason, detail }).toEqual({ reason: 'witnessFailed', detail: refusal.message });
    expect(events.filter(({ event }) => event === 'proofFailed').map(({ fields }) => fields.flaw)).toEqual([
      'unsatisfied',
    ]);
  });

  it('proves again after an invalid verdict, as often as the market allows', async () => {
    dues = [mine(0)];
    start(slowProver(5));
    const { jobId } = dues[0]!;
    for (let count = 1; count <= 3; count += 1) {
      await until(() => events.filter(({ event }) => event === 'proofDelivered').length === count, `delivery ${count}`);
      const submissionId = `0x${'0'.repeat(63)}${count}` as const;
      const about = { atMs: Date.now(), jobId, prover: account.address, role: 'primary' as const, submissionId };
      coordinator.publish({ type: 'proofRejected', ...about, code: 'equationFails' });
    }
    await until(() => events.filter(({ event }) => event === 'zkProofInvalid').length === 3, 'the third verdict');
    expect(callsOf('submitProof')).toHaveLength(3);
  });

  it('proves again when the feed brings the invalid verdict before the delivery is answered', async () => {
    dues = [mine(0)];
    const { jobId } = dues[0]!;
    const submit = coordinator.handlers.submitProof!;
    coordinator.handlers.submitProof = async (request) => {
      const about = { atMs: Date.now(), jobId, prover: account.address, role: 'primary' as const };
      const submissionId = `0x${'0'.repeat(63)}1` as const;
      if (!happened('zkProofInvalid')) {
        coordinator.publish({ type: 'proofRejected', ...about, submissionId, code: 'equationFails' });
        await until(() => happened('zkProofInvalid'), 'the verdict');
      }
      return submit(request);
    };
    start(slowProver(5));
    await until(() => callsOf('submitProof').length === 2, 'the second delivery');
  });

  it('does not give a job up for a login that one of several coordinators does not know', async () => {
    dues = [mine(0)];
    const input = coordinator.handlers.getJobInput!;
    let refusals = 3;
    coordinator.handlers.getJobInput = (request) => {
      if (refusals-- > 0) throw new Refusal('notLoggedIn');
      return input(request);
    };
    start(slowProver(5));
    await until(() => callsOf('submitProof').length === 1 || callsOf('giveUp').length === 1, 'an end');
    expect(callsOf('giveUp')).toHaveLength(0);
  });

  it('hands back an input whose hash is not the one of the job', async () => {
    dues = [mine(0, { inputHash: `0x${'ee'.repeat(32)}` })];
    start(slowProver(5));
    await until(() => callsOf('giveUp').length === 1, 'the hand-back');
    expect(callsOf('giveUp')[0]!.body.message.reason).toBe('inputUnavailable');
  });

  it('goes on with its heartbeats while one of them gets no answer', async () => {
    dues = [mine(0)];
    const beat = coordinator.handlers.beat!;
    let beats = 0;
    coordinator.handlers.beat = (request) => {
      beats += 1;
      return beats === 1 ? new Promise(() => undefined) : beat(request);
    };
    start(slowProver(1_500));
    await until(() => happened('jobTaken'), 'the job');
    const sinceMs = performance.now();
    await until(() => callsOf('beat').length >= 2, 'further heartbeats');
    expect(performance.now() - sinceMs).toBeLessThan(FAKE_MARKET.parameters.leaseMs);
  });

  it('keeps its heartbeats up while its token is renewed', async () => {
    dues = [mine(0)];
    const logIn = coordinator.handlers.logIn!;
    let logins = 0;
    coordinator.handlers.logIn = (request) => {
      logins += 1;
      // The first token is about to expire; the renewal gets no answer.
      return logins === 1 ? { token: 'token', expiresAtMs: Date.now() + 30_000 } : new Promise(() => logIn(request));
    };
    start(slowProver(1_500));
    await until(() => callsOf('beat').length >= 2 && logins >= 2, 'heartbeats beside the renewal');
  });

  it('delivers although the times of its proofs cannot be written', async () => {
    dues = [mine(0, { deadlineMs: Date.now() + 60_000 })];
    start(slowProver(20));
    mkdirSync(join(dataDir, 'measurements.json'), { recursive: true });
    await until(() => callsOf('submitProof').length === 1, 'the delivery');
    expect(happened('proofFailed')).toBe(false);
  });

  it('does not look at circuits that it could not prove, nor prepare one twice', async () => {
    coordinator.handlers.listCircuits = () => ({ circuits: [] });
    start(slowProver(5));
    await until(() => happened('feedConnected'), 'the feed');
    const { verificationKey, ...rest } = circuit;
    const entry = {
      type: 'circuitRegistered' as const,
      atMs: Date.now(),
      registration: null,
      ...rest,
      verificationKey,
    };
    for (let count = 0; count < 5; count += 1) coordinator.publish({ ...entry, kind: 'generic' });
    coordinator.publish(entry);
    coordinator.publish(entry);
    await until(() => happened('circuitReady'), 'the circuit');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(callsOf('listCircuits')).toHaveLength(1);
    expect(events.filter(({ event }) => event === 'circuitPassedBy')).toHaveLength(1);
    expect(events.filter(({ event }) => event === 'circuitReady')).toHaveLength(1);
  });

  it('asks nothing about rounds that were over when it heard of them', async () => {
    start(slowProver(5));
    await until(() => happened('feedConnected'), 'the feed');
    const asked = callsOf('getAccount').length;
    for (let index = 0; index < 20; index += 1) {
      const { blockId, circuitId, jobIds, step, parametersVersion, sealing, maxPriceWei, deadlineMs } = round();
      const terms = { blockId, circuitId, jobIds, step, parametersVersion, sealing, maxPriceWei, deadlineMs };
      const roundId = `${BLOCK_ID}.r${index}`;
      coordinator.publish({ type: 'roundOpened', atMs: 1, ...terms, roundId, closesAtMs: Date.now() - 1_000 });
    }
    await until(() => events.filter(({ event }) => event === 'skipped').length === 20, 'the skips');
    expect(callsOf('getAccount')).toHaveLength(asked);
  });

  it('reads the coordinator’s clock again, though it holds no job', async () => {
    const offsets = [3_600_000, 0];
    coordinator.handlers.getMarket = () => ({ ...FAKE_MARKET, nowMs: Date.now() + (offsets.shift() ?? 0) });
    start(slowProver(5));
    await until(() => happened('feedConnected'), 'the feed');
    await until(() => callsOf('listOpenRounds').length > 0, 'the catching up');
    coordinator.handlers.listOpenRounds = () => ({ rounds: [round()] });
    coordinator.publish({ type: 'coordinatorStarted', atMs: 1, lastSignMs: 1, gapMs: 0, cause: 'stall' });
    await until(() => callsOf('placeBid').length === 1, 'a bid');
  });

  it('bids no more when its proofs keep failing', async () => {
    dues = [0, 1, 2].map((index) => mine(index, { primary: sideOf(account.address, { dueMs: Date.now() + 700 }) }));
    start(slowProver(5, (attempt) => attempt > 1));
    await until(() => callsOf('giveUp').length === 3, 'the hand-backs');
    coordinator.handlers.listOpenRounds = () => ({ rounds: [round()] });
    coordinator.publish({ type: 'coordinatorStarted', atMs: 1, lastSignMs: 1, gapMs: 0, cause: 'stall' });
    await until(() => happened('skipped') || callsOf('placeBid').length > 0, 'a decision');
    expect(events.find(({ event }) => event === 'skipped')?.fields.code).toBe('proofsFail');
  });

  it('bids again when the window was put off past the end of its bid, and only then', async () => {
    const first = { ...round(), closesAtMs: Date.now() + 5_000 };
    coordinator.handlers.listOpenRounds = () => ({ rounds: [first] });
    start(slowProver(5));
    await until(() => callsOf('placeBid').length === 1, 'a bid');
    const putOff = (ms: number) => {
      const shifted = { ...first, closesAtMs: first.closesAtMs + ms, deadlineMs: first.deadlineMs + 600_000 };
      coordinator.handlers.listOpenRounds = () => ({ rounds: [shifted] });
      coordinator.publish({ type: 'coordinatorStarted', atMs: 1, lastSignMs: 1, gapMs: ms, cause: 'stall' });
    };
    putOff(30_000);
    await until(() => callsOf('listOpenRounds').length >= 2, 'a look at the rounds');
    putOff(300_000);
    await until(() => callsOf('placeBid').length === 2, 'another bid');
    expect(callsOf('placeBid')[1]!.body.message.expiresAtMs).toBeGreaterThan(first.closesAtMs + 300_000);
  });

  it('frees the bond at risk of a bid when the block is withdrawn, and says so', async () => {
    const open = round();
    coordinator.handlers.listOpenRounds = () => ({ rounds: [open] });
    start(slowProver(5));
    await until(() => happened('bidPlaced'), 'a bid');
    const { blockId, jobIds, roundId } = open;
    const message = { blockId, requester: OTHER, issuedAtMs: 1 };
    const withdrawal = { message, signature: `0x${'11'.repeat(65)}` as const, withdrawalId: blockId };
    coordinator.publish({ type: 'blockWithdrawn', atMs: 1, jobIds, roundIds: [roundId], postings: [], ...withdrawal });
    await until(() => happened('bidResult'), 'the result');
    expect(events.find(({ event }) => event === 'bidResult')?.fields).toEqual({ roundId, code: 'withdrawn' });
  });

  it('skips a round with a typed reason', async () => {
    coordinator.handlers.listOpenRounds = () => ({ rounds: [{ ...round(), maxPriceWei: '1' }] });
    start(slowProver(5));
    await until(() => happened('skipped'), 'the skip');
    expect(events.find(({ event }) => event === 'skipped')?.fields.code).toBe('aboveMaxPrice');
  });

  it('stops cleanly: finishes what is nearly done, hands back the rest', async () => {
    dues = [
      mine(0),
      mine(1),
      mine(2, { primary: sideOf(OTHER), backup: sideOf(account.address, { status: 'standby' }) }),
    ];
    start(slowProver(200));
    await until(() => happened('proofStarted'), 'a proof');
    stop.abort();
    await running;
    expect(callsOf('submitProof').map(({ body }) => body.message.jobId)).toEqual([dues[0]!.jobId]);
    const handedBack = callsOf('giveUp').map(({ body }) => [body.message.jobId, body.message.reason]);
    expect(handedBack.sort()).toEqual([
      [dues[1]!.jobId, 'shutdown'],
      [dues[2]!.jobId, 'shutdown'],
    ]);
  });

  it('needs its owner’s key for the first registration only', async () => {
    const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir });
    const options = { account, ownerAddress: OTHER, log: () => {}, signal: stop.signal, createProver: slowProver(5) };
    await expect(runAgent(config, options)).rejects.toThrow(/must sign the registration/);
    const { getAccount } = coordinator.handlers;
    coordinator.handlers.getAccount = (request) => ({
      ...(getAccount!(request) as object),
      prover: { owner: OTHER, name: 'workshop', challengesPassed: [] },
    });
    start(slowProver(5));
    await until(() => happened('ready'), 'the agent');
    expect(callsOf('registerProver')).toHaveLength(0);
  });

  it('refuses to run beside another agent on the same folder', async () => {
    start(slowProver(5));
    await until(() => happened('ready'), 'the first agent');
    const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir });
    const second = runAgent(config, { account, log: () => {}, signal: stop.signal, createProver: slowProver(5) });
    // The same process holds the lock: it is alive.
    await expect(second).rejects.toThrow(/another agent/);
  });
});
