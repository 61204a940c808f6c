import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scoreOf } from '#market/score.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { canonicalBytes } from '#protocol/log/canonicalJson.js';
import { parseCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyConsistency } from '#protocol/log/consistencyProof.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { parseSignedNote } from '#protocol/log/signedNote.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import { ROUTES, type RouteName } from '#protocol/routes.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import { tinyCircuitFile, tinyInput, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import {
  type ApiMarket,
  bidOn,
  blockOrder,
  logIn,
  openApiMarket,
  primaryOf,
  SAMPLE,
  signed,
  submissionOf,
} from '../setup/apiMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { CIRCUIT_ID, ETH, type Party, party } from '../setup/marketDriver.js';
import { OPERATOR } from '../setup/testOperator.js';

let market: ApiMarket;
let firstNote: string;
const called = new Set<RouteName>();

beforeAll(async () => {
  market = await openApiMarket({}, [SAMPLE]);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  expect(await invariantFlaws(market.database.pool, market.executor.acknowledged)).toEqual([]);
  await market.close();
});

/** The client's call, noted. */
const call: ApiMarket['client']['call'] = (name, parts, token) => {
  called.add(name);
  return market.client.call(name, parts, token);
};

const checkpointOf = (note: string) => parseCheckpoint(parseSignedNote(note)!.text)!;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

describe('the way of a block over HTTP', () => {
  const requester = party(1);
  const seeds = [10, 11, 12];
  const provers = new Map<string, { party: Party; seed: number }>();
  let blockId: Hex;
  let roundId: string;
  let jobIds: string[];

  it('answers who it is', async () => {
    expect(await call('getHealth', {})).toEqual({ status: 'ok' });
    expect(await call('getReadiness', {})).toEqual({ status: 'ok' });
    firstNote = await call('getCheckpoint', {});
    expect(await call('getMarket', {})).toMatchObject({ chainId: 31_337, faucet: true, treeSize: 2 });
  });

  it('takes deposits once for a reference, and registrations', async () => {
    const reference: Hex = `0x${'01'.repeat(32)}`;
    const body = { address: requester.address, amountWei: ETH.toString(), reference };
    const first = await call('requestDeposit', { body });
    expect(await call('requestDeposit', { body })).toEqual(first);
    for (const seed of seeds) {
      const prover = party(seed);
      provers.set(prover.address, { party: prover, seed });
      await call('requestDeposit', { body: { ...body, address: prover.address } });
      const owner = seed === 12 ? party(99) : prover;
      const message = {
        prover: prover.address,
        owner: owner.address,
        name: `p ${seed}`,
        issuedAtMs: market.driver.nowMs,
      };
      const ownerSignature = seed === 12 ? (await owner.sign('ProverRegistration', message)).signature : null;
      await call('registerProver', {
        body: { ...(await signed(prover, 'ProverRegistration', message)), ownerSignature },
      });
    }
    const account = await call('getAccount', { params: { address: party(12).address } });
    expect(account).toMatchObject({ freeWei: ETH.toString(), bondedWei: '0', prover: { owner: party(99).address } });
    expect((await call('listPostings', { params: { address: requester.address }, query: {} })).postings).toHaveLength(
      1,
    );
  });

  it('registers circuits and serves artifacts', async () => {
    const key = parseVerificationKey(tinyKey('groth16'));
    if (!key.ok) throw new Error(key.detail);
    const circuitId = circuitIdOf(key.verificationKey);
    const token = await logIn(market, 1);
    const upload = async (name: string) => {
      const content = await readFile(tinyCircuitFile(name));
      const sha256: Hex = `0x${createHash('sha256').update(content).digest('hex')}`;
      const begun = await call('getUpload', { params: { sha256 } }, token);
      expect(begun).toEqual({ sha256, receivedBytes: 0, complete: false });
      const body = { bytes: content.length, offset: 0, piece: content.toString('base64') };
      expect((await call('uploadArtifact', { params: { sha256 }, body }, token)).complete).toBe(true);
      return { sha256, bytes: content.length };
    };
    const [wasm, zkey] = [await upload('tinyCircuit.wasm'), await upload('groth16.zkey')];
    const samples = [tinyInput(0)];
    const message = {
      registrant: requester.address,
      circuitId,
      name: 'tiny',
      wasmSha256: wasm.sha256,
      zkeySha256: zkey.sha256,
      samplesHash: contentHashOf(samples.map((input) => contentHashOf(input))),
      issuedAtMs: market.driver.nowMs,
    };
    const signedMessage = await signed(requester, 'CircuitRegistration', message);
    const parts = { protocol: 'groth16' as const, verificationKey: tinyKey('groth16'), wasm, zkey, samples };
    const body = { ...signedMessage, ...parts };
    await call('registerCircuit', { body });
    expect(await call('getCircuit', { params: { circuitId } })).toMatchObject({
      kind: 'generic',
      samples: [{ publicSignals: tinySamples('groth16')[0]!.publicSignals, inputHash: contentHashOf(samples[0]) }],
    });
    expect((await call('getSample', { params: { circuitId, index: '0' } })).input).toEqual(samples[0]);
    expect((await call('listCircuits', {})).circuits).toHaveLength(2);
    const file = join(tmpdir(), `understudy-artifact-${process.pid}`);
    await writeFile(file, 'the witness generator');
    const sha256: Hex = `0x${'ab'.repeat(32)}`;
    market.artifacts.set(sha256, file);
    expect(await call('getArtifact', { params: { sha256 } })).toBe('the witness generator');
    const rest = await fetch(`${market.url}/v1/artifacts/${sha256}`, { headers: { range: 'bytes=4-10' } });
    expect([rest.status, await rest.text(), rest.headers.get('content-range')]).toEqual([
      206,
      'witness',
      'bytes 4-10/21',
    ]);
  });

  it('takes a block, and the same answer again for the same message', async () => {
    const body = await blockOrder(market, requester, { maxPriceWei: '100000', missCostWei: '100000' }, 5);
    const first = await call('submitBlock', { body });
    expect(await call('submitBlock', { body })).toEqual(first);
    ({ blockId, roundId } = first);
    expect((await call('listBlocks', { query: { requester: requester.address } })).blocks).toHaveLength(1);
    jobIds = (await call('getBlock', { params: { blockId } })).jobIds;
    expect(jobIds.length).toBeGreaterThan(1);
    expect((await call('listOpenRounds', {})).rounds).toMatchObject([{ roundId, bidCount: 0 }]);
  });

  it('has provers that are new to a circuit prove a challenge job before they bid', async () => {
    const circuitId = CIRCUIT_ID;
    for (const { party: prover } of provers.values()) {
      const early = { body: await signed(prover, 'Bid', bidOn(market, prover, roundId)) };
      await expect(call('placeBid', early)).rejects.toMatchObject({ code: 'challengeNeeded' });
      const request = { prover: prover.address, circuitId, issuedAtMs: market.driver.nowMs };
      const body = await signed(prover, 'ChallengeRequest', request);
      const issued = await call('requestChallenge', { body });
      expect(await call('requestChallenge', { body })).toEqual(issued);
      const sample = await call('getSample', { params: { circuitId, index: String(issued.sampleIndex) } });
      expect(contentHashOf(sample.input)).toBe(SAMPLE.inputHash);
      const challengeId = issued.digest as Hex;
      const { zkProof } = tinySamples('groth16')[0]!;
      const { publicSignals } = sample;
      const contentHash = contentHashOf({ publicSignals, zkProof });
      const message = { prover: prover.address, circuitId, challengeId, contentHash };
      const submission = { ...(await signed(prover, 'ChallengeSubmission', message)), publicSignals, zkProof };
      const foreign = { ...submission, publicSignals: ['9', '9', '9'] };
      await expect(call('submitChallenge', { body: foreign })).rejects.toMatchObject({ code: 'signalsMismatch' });
      const received = await call('submitChallenge', { body: submission });
      expect(await call('submitChallenge', { body: submission })).toEqual(received);
      await market.driver.judgeChallenge(prover, challengeId, true);
      const { challenges } = await call('listChallenges', { params: { address: prover.address } });
      expect(challenges).toMatchObject([{ circuitId, challengeId, status: 'passed' }]);
      const account = await call('getAccount', { params: { address: prover.address } });
      expect(account.prover?.challengesPassed).toEqual([circuitId]);
    }
    expect((await market.database.pool.query('SELECT FROM challenge_proofs')).rowCount).toBe(0);
    const none = { params: { circuitId, index: '1' } };
    await expect(call('getSample', none)).rejects.toMatchObject({ code: 'notFound' });
  });

  it('takes bids with a signed receipt, and publishes them when the round is cleared', async () => {
    for (const { party: prover } of provers.values()) {
      const message = bidOn(market, prover, roundId, { priceWei: '2000' });
      await call('placeBid', { body: await signed(prover, 'Bid', message) });
      const body = await signed(prover, 'Bid', { ...message, priceWei: '1000' });
      const receipt = await call('placeBid', { body });
      expect(await call('placeBid', { body })).toEqual(receipt);
      const { atMs, digest: commitment, firstIndex: entryIndex } = receipt;
      const text = canonicalBytes({
        atMs,
        commitment,
        entryIndex,
        origin: 'test.example/market',
        prover: prover.address,
        roundId,
        type: 'bidPlaced',
      });
      expect(receipt.receiptSignature).toBe(`0x${Buffer.from(OPERATOR.sign(text)).toString('hex')}`);
    }
    const open = await call('getRound', { params: { roundId } });
    expect(open).toMatchObject({ bidCount: 3, cleared: null });
    await market.driver.advance(2_000);
    const cleared = await call('getRound', { params: { roundId } });
    expect(cleared.commitments).toEqual(open.commitments);
    expect(cleared.cleared?.bids).toHaveLength(3);
    expect(cleared.cleared?.awards).toHaveLength(jobIds.length);
  });

  it('hands private inputs to the assigned only, and keeps their leases', async () => {
    const jobId = jobIds[0]!;
    const primary = primaryOf(market, jobId);
    const token = await logIn(market, provers.get(primary)!.seed);
    const { inputHash, input } = await call('getJobInput', { params: { jobId } }, token);
    expect(contentHashOf(input)).toBe(inputHash);
    const held = (await call('listDues', { params: { address: primary } })).jobs.map((job) => job.jobId);
    expect(held).toContain(jobId);
    const job = { jobId, stage: 'proving' as const, progressPpm: 500_000, expectedEndMs: null };
    const foreign = { ...job, jobId: `0x${'9'.repeat(64)}.0` };
    const beat = await call('beat', { body: { jobs: [job, foreign] } }, token);
    expect(beat).toEqual({ leaseMs: 10_000, nowMs: market.driver.nowMs, dropJobIds: [foreign.jobId] });
    await market.heartbeats.flush();
    const { progress } = await call('listJobs', { params: { blockId } });
    expect(progress).toEqual([{ ...job, prover: primary, lastSeenMs: market.driver.nowMs }]);
    expect(market.heartbeats.lastSeenMs(jobId, primary)).toBe(market.driver.nowMs);
  });

  it('lets one agent at a time work for a prover', async () => {
    const token = await logIn(market, seeds[0]!);
    const agentOf = (letter: string) => ({
      agentId: `0x${letter.repeat(64)}` as const,
      runId: `0x${letter.repeat(64)}` as const,
      host: `machine ${letter}`,
    });
    const [first, second] = [agentOf('a'), agentOf('b')];
    const announce = (agent: typeof first, phase: 'start' | 'takeOver' | 'stop', as = token) =>
      call('announceAgent', { body: { agent, phase } }, as);
    const beat = (agent: typeof first) => call('beat', { body: { jobs: [], agent } }, token);
    expect(await announce(first, 'start')).toEqual({ leaseMs: 10_000, nowMs: market.driver.nowMs });
    await expect(announce(second, 'start')).rejects.toThrow(
      /^keyInUse: .*runs on "machine a" since 20.+ and was heard of 0.0 s ago; once it is silent for 10 s/,
    );
    await announce(second, 'takeOver');
    await expect(beat(first)).rejects.toThrow(/^keyInUse/);
    expect(await beat(second)).toMatchObject({ dropJobIds: [] });
    await announce(second, 'stop');
    await announce(first, 'start');
    await announce(first, 'stop');
    const stranger = await logIn(market, 77);
    await expect(announce(first, 'start', stranger)).rejects.toThrow(/^unknownProver/);
    expect(await call('beat', { body: { jobs: [], agent: first } }, stranger)).toMatchObject({ dropJobIds: [] });
  });

  it('puts on record that it cannot serve an input, and that it can again', async () => {
    const jobId = jobIds[0]!;
    const primary = primaryOf(market, jobId);
    const token = await logIn(market, provers.get(primary)!.seed);
    const { pool } = market.database;
    const refusedAtMs = () => market.driver.job(jobId).primary!.inputRefusedAtMs;
    const { rows } = await pool.query('SELECT input FROM job_inputs WHERE job_id = $1', [jobId]);
    await pool.query(`UPDATE job_inputs SET input = '{}' WHERE job_id = $1`, [jobId]);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(call('getJobInput', { params: { jobId } }, token)).rejects.toThrow(/unavailable/);
      expect(refusedAtMs()).toEqual(expect.any(Number));
    }
    await pool.query('UPDATE job_inputs SET input = $2 WHERE job_id = $1', [jobId, JSON.stringify(rows[0].input)]);
    await call('getJobInput', { params: { jobId } }, token);
    expect(refusedAtMs()).toBeNull();
    const { entries } = await call('listEntries', { query: { from: 0 } });
    const types = entries.map(({ leaf }) => (JSON.parse(leaf) as { type: string }).type);
    expect(types.filter((type) => type.startsWith('input'))).toEqual(['inputRefused', 'inputServed']);
  });

  it('takes zkProofs and give-ups, and completes the bundle', async () => {
    const [last, ...others] = [...jobIds].reverse() as [string, ...string[]];
    for (const jobId of others) {
      const prover = provers.get(primaryOf(market, jobId))!.party;
      const { publicSignals } = await call('getJob', { params: { jobId } });
      const body = await submissionOf(prover, jobId, publicSignals);
      const { digest } = await call('submitProof', { body });
      await market.driver.judge(jobId, digest as Hex, true);
    }
    const quitter = provers.get(primaryOf(market, last))!.party;
    const message = { jobId: last, prover: quitter.address, reason: 'overloaded' as const, detail: '' };
    await call('giveUp', { body: await signed(quitter, 'GiveUp', message) });
    const backup = provers.get(market.driver.job(last).backup!.prover)!.party;
    const { publicSignals } = await call('getJob', { params: { jobId: last } });
    const body = await submissionOf(backup, last, publicSignals);
    const { digest } = await call('submitProof', { body });
    await market.driver.judge(last, digest as Hex, true);
    // The block is completed and forgotten by the live state; the tables still know it.
    expect(await call('submitProof', { body })).toMatchObject({ digest });
    const bundle = await call('getBundle', { params: { blockId } });
    expect(bundle.complete).toBe(true);
    expect(bundle.zkProofs.map((one) => one.jobId)).toEqual(jobIds);
    for (const [at, { zkProof, publicSignals: signals }] of bundle.zkProofs.entries()) {
      expect(zkProof).toMatchObject({ protocol: 'groth16' });
      if (at > 0) expect(signals[0]).toBe(bundle.zkProofs[at - 1]!.publicSignals[1]);
    }
  });

  it('tells how reliable a prover is, with all that this follows from', async () => {
    const primary = (await call('getJob', { params: { jobId: jobIds[0]! } })).primary!.prover;
    const { line, scores, nowMs } = await call('getScores', { params: { address: primary } });
    expect(line.scoreOutcomesMin).toBe(DEFAULT_PARAMETERS.scoreOutcomesMin);
    const record = [...market.driver.state.records.values()].find(({ prover }) => prover === primary)!;
    expect(record.outcomes.length).toBeGreaterThan(0);
    const { circuitId } = record;
    expect(scores).toEqual([{ circuitId, ...scoreOf(record, DEFAULT_PARAMETERS, nowMs) }]);
    const { cleared } = await call('getRound', { params: { roundId } });
    expect(cleared?.explanations.map(({ code }) => code)).toContain('wonPrimary');
  });

  it('takes commitments, then the bids behind them, each with a receipt', async () => {
    const terms = { maxPriceWei: '100000', missCostWei: '100000', sealing: 'commitReveal' as const };
    const order = await call('submitBlock', { body: await blockOrder(market, requester, terms, 2) });
    const prover = party(10);
    const params = { roundId: order.roundId };
    const bid = bidOn(market, prover, order.roundId);
    const { digest: commitment } = await prover.sign('Bid', bid);
    const opening = await signed(prover, 'Bid', bid);
    await expect(call('placeBid', { body: opening })).rejects.toMatchObject({ code: 'wrongSealing' });
    const body = await signed(prover, 'BidCommitment', { roundId: order.roundId, prover: prover.address, commitment });
    const receipt = await call('commitBid', { body });
    expect(receipt).toMatchObject({ roundId: order.roundId, prover: prover.address, commitment });
    expect(await call('commitBid', { body })).toEqual(receipt);
    await expect(call('openBid', { body: opening })).rejects.toMatchObject({ code: 'notSealed' });
    const view = { sealing: 'commitReveal', bidCount: 1, commitments: [{ prover: prover.address, commitment }] };
    expect(await call('getRound', { params })).toMatchObject({ ...view, sealedAtMs: null });
    await market.driver.advance(2_000);
    expect(await call('getRound', { params })).toMatchObject({ ...view, sealedAtMs: expect.any(Number) });
    expect(await call('openBid', { body: opening })).toMatchObject({ commitment, type: 'bidOpened' });
    await market.driver.advance(100);
    const { cleared } = await call('getRound', { params });
    expect(cleared).toMatchObject({ bids: [opening], awards: [{ primary: { prover: prover.address } }] });
    await expect(
      call('openBid', { body: await signed(prover, 'Bid', { ...bid, priceWei: '1' }) }),
    ).rejects.toMatchObject({ code: 'revealClosed' });
  });

  it('opens the pool to whoever may deliver what nobody bought', async () => {
    const terms = { maxPriceWei: '100000', missCostWei: '100000', allowedOwners: [party(11).address] };
    const order = await call('submitBlock', { body: await blockOrder(market, requester, terms, 2) });
    const jobId = `${order.blockId}.0`;
    const params = { jobId };
    const token = await logIn(market, 11);
    await expect(call('getJobInput', { params }, token)).rejects.toMatchObject({ code: 'notAssigned' });
    await market.driver.advance(10_000);
    const { jobs } = await call('listPool', {});
    expect(jobs).toMatchObject([{ jobId, status: 'pooled', pool: { cause: 'unsold', commitments: [] } }]);
    const { escalations } = await call('getRound', { params: { roundId: jobs[0]!.roundId! } });
    expect(escalations).toMatchObject([{ next: 'pool', jobIds: [jobId], reasons: [{ reason: 'noBids', jobs: 1 }] }]);
    const { inputHash, input } = await call('getJobInput', { params }, token);
    expect(contentHashOf(input)).toBe(inputHash);
    const other = call('getJobInput', { params }, await logIn(market, 12));
    await expect(other).rejects.toMatchObject({ code: 'notEligible' });
    const prover = party(11);
    const body = await submissionOf(prover, jobId, jobs[0]!.publicSignals);
    await expect(call('submitProof', { body })).rejects.toMatchObject({ code: 'noPoolCommitment' });
    const { contentHash } = body.message;
    const message = { jobId, prover: prover.address, commitment: poolCommitmentOf(contentHash, prover.address, jobId) };
    const committed = await call('commitToPool', { body: await signed(prover, 'PoolCommit', message) });
    expect(await call('commitToPool', { body: await signed(prover, 'PoolCommit', message) })).toEqual(committed);
    const { digest } = await call('submitProof', { body });
    await market.driver.judge(jobId, digest as Hex, true);
    const delivered = await call('getJob', { params });
    expect(delivered).toMatchObject({ outcome: 'proven', deliveredBy: 'pool' });
    expect((await call('listPool', {})).jobs).toEqual([]);
    const { jobs: held } = await call('listProverJobs', { params: { address: prover.address }, query: {} });
    const { entryIndex, priceWei } = delivered.pool!.commitments[0]!;
    const brief = { jobId, deliverer: prover.address, poolPriceWei: priceWei, awardEntryIndex: entryIndex };
    expect(held.filter((job) => job.jobId === jobId)).toMatchObject([brief]);
  });

  it('tells every version of the parameters', async () => {
    const [first] = [await call('getMarket', {})];
    const version = first.parametersVersion + 1;
    const parameters = { ...first.parameters, lateBps: 1_234 };
    await market.driver.run({ kind: 'setParameters', version, parameters, reason: 'a test' });
    expect(await call('getMarket', {})).toMatchObject({ parametersVersion: version, parameters });
    for (const [at, wanted] of [first.parameters, parameters].entries()) {
      const answer = await call('getParameters', { params: { version: String(at + 1) } });
      expect(answer).toEqual({ version: at + 1, parameters: wanted });
    }
    await expect(call('getParameters', { params: { version: '9' } })).rejects.toMatchObject({ code: 'notFound' });
  });

  it('shows jobs, rounds and money in brief', async () => {
    const all = await call('listJobBriefs', { query: { requester: requester.address, limit: 100 } });
    const jobs = all.jobs.filter((job) => job.blockId === blockId);
    expect(jobs.map((job) => job.jobId)).toEqual(jobIds);
    expect(jobs.every(({ receivedAtMs, endedAtMs }) => receivedAtMs !== null && receivedAtMs <= endedAtMs!)).toBe(true);
    const { rounds } = await call('listBlockRounds', { params: { blockId } });
    expect(rounds).toMatchObject([{ roundId, bidCount: 3 }]);
    const { provers: registered } = await call('listProvers', { query: { limit: 2 } });
    expect(registered.map(({ prover }) => provers.has(prover))).toEqual([true, true]);
    const [prover] = jobs.map(({ primary }) => primary!.prover);
    const sides = jobs.map((job) => (job.deliveredBy === 'primary' ? job.primary : job.backup)!.prover);
    expect(jobs.map(({ deliverer }) => deliverer)).toEqual(sides);
    expect(jobs.every(({ poolPriceWei }) => poolPriceWei === null)).toBe(true);
    const won = await call('listProverJobs', { params: { address: prover! }, query: {} });
    expect(won.jobs.map((job) => job.jobId)).toContain(jobs[0]!.jobId);
    const before = won.jobs.at(-1)!.awardEntryIndex!;
    expect((await call('listProverJobs', { params: { address: prover! }, query: { before } })).jobs).toEqual([]);
    const { postings } = await call('listBlockPostings', { params: { blockId } });
    const escrow = `escrow:${blockId}`;
    const total = (side: 'from' | 'to') =>
      postings.filter((one) => one[side] === escrow).reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
    expect(total('to')).toBe(100_000n * BigInt(jobIds.length));
    expect(total('from')).toBe(total('to'));
  });

  it('takes a block back that nobody has been awarded', async () => {
    const body = await blockOrder(market, requester, { maxPriceWei: '100000', missCostWei: '100000' }, 2);
    const { blockId: other, roundId: itsRound } = await call('submitBlock', { body });
    const message = { requester: requester.address, blockId: other, issuedAtMs: market.driver.nowMs };
    const withdrawal = { body: await signed(requester, 'BlockWithdrawal', message) };
    const first = await call('withdrawBlock', withdrawal);
    expect(first.jobIds).toEqual([`${other}.0`]);
    expect(await call('withdrawBlock', withdrawal)).toEqual(first);
    const { escalations, withdrawn } = await call('getRound', { params: { roundId: itsRound } });
    expect([escalations, withdrawn]).toEqual([[], true]);
  });

  it('proves its log', async () => {
    const note = await call('getCheckpoint', {});
    const { size, rootHash: root } = checkpointOf(note);
    const { entries, treeSize } = await call('listEntries', { query: { from: 0 } });
    expect([entries.length, treeSize]).toEqual([size, size]);
    const { logs } = await call('listLogs', {});
    expect(logs).toMatchObject([{ number: 0, origin: 'test.example/market', firstIndex: 0, size: null }]);
    const inclusion = await call('getInclusion', { params: { index: '3' } });
    expect(inclusion).toMatchObject({ log: 0, leafIndex: 3 });
    const path = inclusion.inclusionProof.map(bytes);
    expect(verifyInclusion({ index: 3, size, leafHash: bytes(inclusion.leafHash), path, root })).toBe(true);
    const { size: fromSize, rootHash: fromRoot } = checkpointOf(firstNote);
    const { consistencyProof } = await call('getConsistency', { query: { from: fromSize, to: size } });
    const claim = { fromSize, fromRoot, toSize: size, toRoot: root, path: consistencyProof.map(bytes) };
    expect(verifyConsistency(claim)).toBe(true);
  });

  it('has no chain to speak of', async () => {
    const refused = { code: 'noChain' };
    const params = { account: requester.address };
    await expect(call('getChain', {})).rejects.toMatchObject(refused);
    await expect(call('getVoucher', { params })).rejects.toMatchObject(refused);
    await expect(call('getEntitlement', { params })).rejects.toMatchObject(refused);
    const message = { account: requester.address, cumulativeWei: '1', issuedAtMs: market.driver.nowMs };
    const body = await signed(requester, 'Withdrawal', message);
    await expect(call('requestWithdrawal', { body })).rejects.toMatchObject(refused);
  });

  it('has been asked everything', () => {
    called.add('followFeed');
    called.add('getLoginNonce');
    called.add('logIn');
    expect([...called].sort()).toEqual(Object.keys(ROUTES).sort());
  });
});
