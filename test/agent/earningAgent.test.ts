import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { agentPaths, parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { Measurements } from '#agent/proving/measurements.js';
import type { ProverFactory } from '#agent/proving/prover.js';
import { ProvingTimes, summariseTimes } from '#agent/proving/provingTimes.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { EntryOf } from '#protocol/entries.js';
import type { JobView, RoundView } from '#protocol/views.js';
import { BLOCK_ID, clearedFor, committedCircuit, jobOf, OTHER, sideOf, slowProver, until } from './agentFixtures.js';
import { blockOf, type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

const ETHER = 10n ** 18n;
/** The most that a bond can come to at a max price of one ether: twice that, and the late damage. */
const BOND_WEI = (21n * ETHER) / 10n;

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });

let dataDir: string;
let coordinator: FakeCoordinator;
let account: Account;
let dues: JobView[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;
let running: Promise<void>;

const round = (step: number, more: Partial<RoundView> = {}): RoundView => ({
  ...{ roundId: `${BLOCK_ID}.r${step}`, blockId: BLOCK_ID, circuitId: circuit.circuitId, step, parametersVersion: 1 },
  ...{ jobIds: [`${BLOCK_ID}.0`, `${BLOCK_ID}.1`], sealing: 'receipt', maxPriceWei: String(ETHER), bidCount: 0 },
  ...{
    sealedAtMs: null,
    sealedEntryIndex: null,
    revealsUntilMs: null,
    revealExcused: false,
    withdrawn: false,
    clearedAtMs: null,
  },
  ...{ openedAtMs: Date.now(), closesAtMs: Date.now() + 20_000, deadlineMs: Date.now() + 80_000, escalations: [] },
  ...more,
});

function openRound(step: number, more: Partial<RoundView> = {}): void {
  const { roundId, blockId, circuitId, jobIds, parametersVersion, sealing, ...rest } = round(step, more);
  const { maxPriceWei, deadlineMs, closesAtMs } = rest;
  const entry = { roundId, blockId, circuitId, jobIds, step, parametersVersion, sealing } as const;
  coordinator.publish({
    ...{ type: 'roundOpened', atMs: Date.now(), ...entry },
    ...{ maxPriceWei, deadlineMs, closesAtMs },
  });
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-earning-'));
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

async function start(more: object = {}, createProver?: ProverFactory): Promise<void> {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir, finishMs: 0, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  running = runAgent(config, { account, log, signal: stop.signal, ...(createProver && { createProver }) });
  await until(() => events.some(({ event }) => event === 'feedConnected'), 'the feed');
}

const fieldsOf = (event: string) => events.filter((one) => one.event === event).map(({ fields }) => fields);
const bids = () =>
  coordinator.calls.filter(({ name }) => name === 'placeBid').map(({ request }) => request.body.message);
const promise = (ms: number) => {
  const setting = { circuitId: circuit.circuitId, threads: 1, slots: 1, handicap: 1, backend: null };
  new Measurements(agentPaths(dataDir).measurements).rehearseAll(setting, Array(20).fill(ms));
};

describe('an agent that earns', () => {
  it('lets the bids of all open rounds together risk no more than it was told', async () => {
    promise(1_000);
    await start({ priceWei: 5n, maxBondWei: (5n * ETHER).toString() }, slowProver(20));
    openRound(0);
    await until(() => bids().length === 1, 'the first bid');
    expect(bids()[0].maxJobs).toBe(2);
    openRound(1);
    await until(() => fieldsOf('skipped').length === 1, 'the second round');
    expect(fieldsOf('skipped')[0]).toMatchObject({
      code: 'bondAtRisk',
      atRiskWei: String(2n * BOND_WEI),
      bondWei: String(BOND_WEI),
      maxBondWei: String(5n * ETHER),
    });
    const lost = { ...clearedFor(OTHER, jobOf(0)), roundId: `${BLOCK_ID}.r0`, awards: [] };
    coordinator.publish(lost);
    openRound(2);
    await until(() => bids().length === 2, 'a bid once the first round is over');
  });

  it('counts the bids of an earlier life, whose number of jobs it does not know', async () => {
    promise(1_000);
    const settings = { priceWei: 5n, maxBondWei: (5n * ETHER).toString() };
    coordinator.handlers.listOpenRounds = () => ({ rounds: [round(0)] });
    await start(settings, slowProver(20));
    await until(() => bids().length === 1 && fieldsOf('bidPlaced').length === 1, 'a bid');
    stop.abort();
    await running;
    stop = new AbortController();
    events = [];
    await start({ ...settings, pricePerSecondWei: 1n, priceWei: undefined, minPriceWei: ETHER * 2n }, slowProver(20));
    await until(() => fieldsOf('skipped').length === 1, 'the round, now too cheap');
    openRound(1, { maxPriceWei: String(3n * ETHER) });
    await until(() => fieldsOf('skipped').length === 2, 'another round');
    expect(fieldsOf('skipped').map(({ code }) => code)).toEqual(['aboveMaxPrice', 'bondAtRisk']);
    expect(fieldsOf('skipped')[1]).toMatchObject({ atRiskWei: String(2n * BOND_WEI) });
  });

  it('tells job by job what the contract pays it, once a block’s set is committed, and nothing of others', async () => {
    promise(1_000);
    await start({ priceWei: 5n }, slowProver(20));
    const item = (index: number, payee: typeof OTHER, amountWei: string) => {
      return { jobId: `${BLOCK_ID}.${index}` as const, payee, amountWei };
    };
    const set = (items: ReturnType<typeof item>[]) => {
      const total = items.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
      coordinator.publish({
        ...{ type: 'jobSetCommitted', atMs: Date.now(), setId: BLOCK_ID, setRoot: BLOCK_ID, totalWei: String(total) },
        ...{ items: items as EntryOf<'jobSetCommitted'>['items'], postings: [] },
      });
    };
    set([item(0, OTHER, '70')]);
    set([item(0, account.address, '100'), item(1, OTHER, '900'), item(2, account.address, '23000000000000000001')]);
    await until(() => fieldsOf('earned').length === 2, 'what the contract pays');
    expect(fieldsOf('earned')).toEqual([
      { jobId: `${BLOCK_ID}.0`, amountWei: '100', by: 'jobSetCommitted' },
      { jobId: `${BLOCK_ID}.2`, amountWei: '23000000000000000001', by: 'jobSetCommitted' },
    ]);
  });

  it('works for nobody that it was told not to, and says once what a margin does where the market sets the price', async () => {
    promise(1_000);
    const denied = `0x${'0d'.repeat(20)}` as const;
    coordinator.handlers.getBlock = ({ params }) => blockOf(params.blockId, { requester: denied });
    await start({ priceWei: 5n, marginPercent: 10, denyRequesters: [denied] }, slowProver(20));
    openRound(0);
    await until(() => fieldsOf('skipped').length === 1, 'the round');
    expect(fieldsOf('skipped')[0]).toMatchObject({ code: 'notWanted' });
    openRound(1);
    await until(() => fieldsOf('skipped').length === 2, 'another round');
    expect(fieldsOf('strategyAdvice')).toHaveLength(1);
  });

  it('learns from cleared rounds where each is paid its own bid, also from those before its start', async () => {
    promise(1_000);
    const block = blockOf(BLOCK_ID, { pricing: 'first' });
    const roundIds = [1, 2, 3, 4, 5, 6].map((step) => `${BLOCK_ID}.r${step}`);
    coordinator.handlers.getBlock = () => block;
    coordinator.handlers.listBlocks = () => ({ blocks: [{ ...block, roundIds }] });
    const { awards, unawarded } = clearedFor(OTHER, jobOf(0));
    const priced = awards.map((one) => ({ ...one, primary: { ...one.primary, priceBidWei: '9000' } }));
    const cleared = { entryIndex: 1, bids: [], tieSeed: `0x${'00'.repeat(32)}`, awards: priced, unawarded };
    coordinator.handlers.getRound = () => ({ ...round(0), commitments: [], cleared: { ...cleared, explanations: [] } });
    await start({ pricePerSecondWei: 1_000n, strategy: 'adaptive' }, slowProver(20));
    await until(() => coordinator.calls.filter(({ name }) => name === 'getRound').length === 6, 'the history');
    openRound(0);
    await until(() => bids().length === 1, 'a bid');
    expect(bids()[0].priceWei).toBe('8999');
    await until(() => fieldsOf('bidPlaced').length === 1, 'its receipt');
    expect(BigInt(String(fieldsOf('bidPlaced')[0]!.costWei))).toBeLessThan(8_999n);
  });
});

describe('an agent under load', () => {
  it('bids only for what fits behind its jobs, standby duties included', async () => {
    promise(10_000);
    const standby = { provingMsP95: 30_000, status: 'standby' as const, activeSinceMs: null };
    const backup = sideOf(account.address, standby);
    dues = [jobOf(7, { circuitId: circuit.circuitId, primary: sideOf(OTHER), backup })];
    await start({ priceWei: 5n }, slowProver(20));
    const jobIds = Array.from({ length: 20 }, (_, index) => `${BLOCK_ID}.${index}`);
    openRound(0, { jobIds });
    await until(() => bids().length === 1, 'a bid');
    // 58 s between closing and deadline less the margin, 30 s of them for the standby duty; about 11 s a job.
    expect(bids()[0].maxJobs).toBe(Math.floor((58_000 - 30_000) / bids()[0].provingMsP95));
    openRound(1, { jobIds, deadlineMs: Date.now() + 55_000 });
    await until(() => fieldsOf('skipped').length === 1, 'a round that does not fit');
    expect(fieldsOf('skipped')[0]).toMatchObject({ code: 'tooLittleTime', committedMs: 30_000 });
  });

  it('begins with the nearest due time, and hands back at once what cannot be done before its deadline', async () => {
    promise(5_000);
    const nowMs = Date.now();
    const due = (index: number, dueMs: number, deadlineMs: number) =>
      jobOf(index, { circuitId: circuit.circuitId, deadlineMs, primary: sideOf(account.address, { dueMs }) });
    dues = [
      due(0, nowMs + 50_000, nowMs + 60_000),
      due(1, nowMs + 30_000, nowMs + 60_000),
      due(2, nowMs, nowMs + 2_000),
    ];
    await start({}, slowProver(60));
    await until(() => fieldsOf('proofDelivered').length === 2, 'both that can be done');
    expect(fieldsOf('proofStarted').map(({ jobId }) => jobId)).toEqual([dues[1]!.jobId, dues[0]!.jobId]);
    expect(fieldsOf('gaveUp')).toEqual([expect.objectContaining({ jobId: dues[2]!.jobId })]);
  });

  it('writes down what a zkProof was expected to take and what it took', async () => {
    promise(1_000);
    dues = [jobOf(0, { circuitId: circuit.circuitId, primary: sideOf(account.address, { provingMsP95: 1_300 }) })];
    await start({}, slowProver(30));
    await until(() => fieldsOf('proofMade').length === 1, 'a zkProof');
    const [made] = fieldsOf('proofMade');
    expect(made).toMatchObject({ promisedMs: 1_300, expectedMs: 1_000 });
    const kept = new ProvingTimes(agentPaths(dataDir).provingTimes).read();
    expect(kept).toMatchObject([{ jobId: dues[0]!.jobId, actualMs: made!.actualMs, promisedMs: 1_300 }]);
    expect(summariseTimes(kept)[0]).toMatchObject({ proofs: 1 });
  });
});

describe('an agent with real provers', () => {
  it('stops the worker of a job that has ended, and proves the next one with it', async () => {
    const { wasm, zkey } = circuitFiles();
    const names = [readFileSync(wasm), readFileSync(zkey)].map((one) => ({
      sha256: `0x${createHash('sha256').update(one).digest('hex')}` as const,
      bytes: one.length,
    }));
    const real = committedCircuit({ wasm: names[0]!, zkey: names[1]! });
    coordinator.handlers.listCircuits = () => ({ circuits: [real] });
    // Far above what it takes, so that a busy machine is not taken for a prover that hangs.
    promise(30_000);
    const late = Date.now() + 600_000;
    const own = (index: number) =>
      jobOf(index, { circuitId: real.circuitId, deadlineMs: late, primary: sideOf(account.address, { dueMs: late }) });
    dues = [own(0), own(1)];
    await start({ artifactDir: circuitFiles().folder });
    await until(() => fieldsOf('proofProgress').some(({ stage }) => stage === 'proving'), 'the first proof', 60_000);
    const ended: EntryOf<'jobExpired'> = {
      ...{ type: 'jobExpired', atMs: Date.now(), jobId: dues[0]!.jobId, reason: 'deadlinePassed' },
      ...{ excused: [], postings: [] },
    };
    dues = [dues[1]!];
    coordinator.publish(ended);
    await until(() => fieldsOf('proofCancelled').length === 1, 'the worker’s end');
    await until(() => fieldsOf('proofDelivered').length === 1, 'the next job', 150_000);
    expect(fieldsOf('proofDelivered')[0]).toMatchObject({ jobId: dues[0]!.jobId });
    expect(fieldsOf('proofFailed')).toEqual([]);
  }, 240_000);
});
