/** Two coordinators on one database, and messages that come more than once. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey, randomBytes32 } from '#agent/client/account.js';
import type { Session } from '#agent/client/session.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry } from '#protocol/entries.js';
import type { RouteAnswer, RouteCall } from '#protocol/routeCalls.js';
import type { RouteName } from '#protocol/routes.js';
import { BLOCK_8, block8Samples } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { ETHER, type LiveCoordinator, LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
/** The one that the agents use, and the one that the requester uses. */
let left: LiveCoordinator;
let right: LiveCoordinator;

beforeAll(async () => {
  market = await LiveMarket.open({ parameters: { leaseMs: 20_000 } });
  left = market.coordinator;
  right = await market.addCoordinator();
});

afterAll(async () => {
  await market?.close();
});

/** Entries of the log that a message has led to: of a type and with a detail of its own. */
async function entriesWith(text: string): Promise<Entry['type'][]> {
  const { rows } = await market.pool.query('SELECT type FROM entries WHERE leaf LIKE $1 ORDER BY index', [`%${text}%`]);
  return rows.map(({ type }) => type);
}

describe('the same message five times at once, at both coordinators', () => {
  const repeated: { name: RouteName; call: object; answer: unknown }[] = [];

  /** Sends it five times at once and expects one answer. */
  async function five<Name extends RouteName>(name: Name, call: RouteCall<Name>): Promise<RouteAnswer<Name>> {
    const urls = [left.url, right.url, left.url, right.url, right.url];
    const answers = await Promise.all(urls.map((url) => market.client(url).call(name, call)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    repeated.push({ name, call, answer: answers[0] });
    return answers[0]!;
  }

  async function prover(name: string): Promise<Session> {
    const session = await market.session(accountOf(newPrivateKey()));
    const { address } = session;
    const deposit = { address, amountWei: ETHER.toString(), reference: randomBytes32() };
    await five('requestDeposit', { body: deposit });
    expect(await entriesWith(deposit.reference)).toEqual(['deposited']);
    expect(await market.freeWei(address)).toBe(ETHER);
    const message = { prover: address, owner: address, name, issuedAtMs: Date.now() };
    await five('registerProver', { body: { ...session.sign('ProverRegistration', message), ownerSignature: null } });
    expect(await entriesWith(address)).toEqual(['deposited', 'proverRegistered']);
    return session;
  }

  function bidOf(session: Session, blockId: string, priceWei: string) {
    const { address } = session;
    const [roundId, salt] = [`${blockId}.r0`, randomBytes32()];
    const message = { roundId, prover: address, priceWei, standbyWei: '10', maxJobs: 4, maxConcurrent: 4, salt };
    return session.sign('Bid', { ...message, provingMsP95: 1_000, expiresAtMs: Date.now() + 60_000 });
  }

  async function submissionOf(session: Session, jobId: string, index: number) {
    const { publicSignals, zkProof } = (await block8Samples())[index]!;
    const contentHash = contentHashOf({ publicSignals, zkProof });
    const signed = session.sign('ProofSubmission', { jobId, prover: session.address, contentHash });
    return { body: { ...signed, publicSignals, zkProof } };
  }

  it('has one answer and one effect: deposit, registration, block, bid, submission, give-up', async () => {
    const [cheap, dear] = [await prover('cheap'), await prover('dear')];
    const before = await market.freeWei(market.requester.address);
    const { blockId, ...body } = await market.order(BLOCK_8, { bidWindowsMs: [3_000, 3_000, 3_000] });
    expect((await five('submitBlock', { body })).blockId).toBe(blockId);
    expect(await market.freeWei(market.requester.address)).toBe(before - 4n * 10n ** 15n);
    await five('placeBid', { body: bidOf(cheap, blockId, '1000') });
    await five('placeBid', { body: bidOf(dear, blockId, '2000') });
    const { awards } = await market.log.wait('roundCleared', blockId);
    expect(market.log.all('bidPlaced', blockId)).toHaveLength(2);

    const jobs = awards.map(({ jobId }) => jobId);
    await five('giveUp', {
      body: cheap.sign('GiveUp', { jobId: jobs[1]!, prover: cheap.address, reason: 'overloaded', detail: '' }),
    });
    await market.log.wait('backupActivated', blockId);
    for (const [index, jobId] of jobs.entries()) {
      await five('submitProof', await submissionOf(index === 1 ? dear : cheap, jobId, index));
    }
    expect(await market.log.wait('blockCompleted', blockId)).toMatchObject({ proven: 4, expired: 0 });
    for (const type of ['gaveUp', 'backupActivated', 'blockSubmitted'] as const) {
      expect(market.log.all(type, blockId)).toHaveLength(1);
    }
    expect(market.log.all('proofReceived', blockId)).toHaveLength(4);
    const payout = expectedPayout(market.log.of(blockId), market.requester.address, 10n ** 15n, market.view.parameters);
    const paid = [cheap.address, dear.address, market.requester.address] as const;
    const after = await Promise.all(paid.map((address) => market.freeWei(address, true)));
    expect(after).toEqual([ETHER, ETHER, before].map((wei, index) => wei + payout.get(paid[index]!)!));
  });

  it('has the same answer when all is over', async () => {
    const { treeSize } = await market.client().call('getMarket', {});
    for (const { name, call, answer } of repeated) {
      for (const url of [left.url, right.url]) {
        expect(await market.client(url).call(name, call as never)).toEqual(answer);
      }
    }
    expect((await market.client().call('getMarket', {})).treeSize).toBe(treeSize);
    await market.expectSound(left.url);
    await market.expectSound(right.url);
  });
});

describe('agents at one coordinator and the requester at the other', () => {
  let agents: InstantAgent[];

  beforeAll(async () => {
    agents = [
      // They promise a time in which a coordinator is back also on a busy machine: no backup is due before.
      await InstantAgent.start(market, {
        name: 'quick',
        priceWei: 1_000_000_000_000n,
        url: left.url,
        measuredMs: 20_000,
      }),
      await InstantAgent.start(market, {
        name: 'quicker',
        priceWei: 2_000_000_000_000n,
        url: left.url,
        measuredMs: 20_000,
      }),
    ];
  });

  async function everythingIsBeingProven(blockId: string): Promise<void> {
    await market.log.wait('roundCleared', blockId);
    await until(async () => {
      const { progress } = await market.client(right.url).call('listJobs', { params: { blockId } });
      return progress.filter(({ stage }) => stage === 'proving').length === 4;
    }, 'all four jobs to be proven, as the other coordinator says');
  }

  async function expectProven(blockId: string, url: string): Promise<void> {
    expect(await market.log.wait('blockCompleted', blockId)).toMatchObject({ proven: 4, expired: 0 });
    const faults = market.log.of(blockId).filter(({ type }) => type === 'backupActivated' || type === 'leaseMissed');
    expect(faults).toEqual([]);
    const bundle = await market.client(url).call('getBundle', { params: { blockId: blockId as never } });
    expect(bundle.complete).toBe(true);
    await market.expectSound(url);
  }

  it('a block is proven', async () => {
    const blockId = await market.submit(await market.order(BLOCK_8), right.url);
    await expectProven(blockId, right.url);
  });

  it("the requester's coordinator is killed: the other one carries on", async () => {
    const blockId = await market.submit(await market.order(BLOCK_8), right.url);
    await right.kill();
    await expectProven(blockId, left.url);
    await right.start();
    await market.expectSound(right.url);
  });

  it("the agents' coordinator is killed in the middle of their work: nobody loses anything", async () => {
    for (const agent of agents) agent.hold();
    const blockId = await market.submit(await market.order(BLOCK_8), right.url);
    await everythingIsBeingProven(blockId);
    await left.kill();
    expect((await market.client(right.url).call('getBlock', { params: { blockId } })).status).toBe('open');
    for (const agent of agents) agent.release();
    await left.start();
    await expectProven(blockId, right.url);
  });
});
