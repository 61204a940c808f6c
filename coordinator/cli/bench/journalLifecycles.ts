/**
 * Whole lives of jobs from the end of the bid window on: clearing with award, submission over HTTP with its signature
 * checked, acceptance with its payments; everything durable in PostgreSQL. Only the zkProofs are not checked.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Account } from '#agent/client/account.js';
import { RequesterClient } from '#client/requesterClient.js';
import { blockTerms } from '#protocol/blockTerms.js';
import type { Client } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { SigningDomain } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';
import type { CoordinatorSettings } from '../../config.js';
import { fund } from '../account.js';
import { connect } from '../commandLine.js';
import { followCompletions, followLog, readExampleBlock } from './benchMarket.js';
import { type LoadResult, postAll, startPosting } from './httpLoad.js';
import { bidBody, newAccounts, registrationBody, signedBody } from './signedBodies.js';
import { type AtEnd, temporaryHome } from './temporary.js';
import type { UnverifyingCoordinatorUp } from './unverifyingCoordinator.js';

/** Clients, each with one submission under way. */
export const SUBMISSION_CLIENTS = 64;

/** Bids of each round; the first one is the cheapest for every job. */
const BIDS_OF_A_ROUND = 8;

const FUNDS_WEI = 10n ** 18n;
const MAX_PRICE_WEI = 10n ** 12n;
const PROVING_MS = 600_000;

/** How long before the end of the windows everything must be prepared, in milliseconds. */
const PREPARED_MS = 500;

/** Time that a block takes to be submitted, bid for and signed for, generously; the windows end after all of it. */
const PREPARATION_OF_A_BLOCK_MS = 2_500;

/** Spelled like a zkProof; nobody looks at what it says. */
const ZK_PROOF = {
  pi_a: ['1', '2', '1'],
  pi_b: [
    ['1', '2'],
    ['3', '4'],
    ['1', '0'],
  ],
  pi_c: ['1', '2', '1'],
  protocol: 'groth16',
  curve: 'bn128',
};

/** What the measurement came to; `elapsedMs` is from the end of the first bid window to the last completion. */
export interface LifecycleRun extends LoadResult {
  jobs: number;
  rounds: number;
  lifecyclesPerSecond: number;
  /** From the end of the first bid window to that of the last: they cannot be made to end at the same moment. */
  windowSpreadMs: number;
  /** From the end of the first bid window until the last round was cleared, in milliseconds. */
  clearingMs: number;
}

/** Drives blocks of 32 jobs through a coordinator, all of whose bid windows end together. */
export async function measureLifecycles(atEnd: AtEnd, blockCount: number): Promise<LifecycleRun> {
  const url = await startUnverifyingCoordinator(atEnd);
  const client = connect(url);
  const { chainId, coordinatorId, nowMs } = await client.call('getMarket', {});
  const domain = { chainId, coordinatorId };
  const provers = newAccounts(BIDS_OF_A_ROUND);
  const requester = newAccounts(1)[0]!;
  for (const { address } of [...provers, requester]) await fund(client, address, FUNDS_WEI);
  const registrations = provers.map((one) => registrationBody(domain, one, nowMs));
  await postAll({ url: `${url}/v1/provers`, clients: BIDS_OF_A_ROUND }, registrations);
  const completed = await followCompletions(atEnd, url);
  const closesAtMs = Date.now() + blockCount * PREPARATION_OF_A_BLOCK_MS + PREPARED_MS;
  const submissions = new Map<Hex, string[]>();
  for (let block = 0; block < blockCount; block += 1) {
    const blockId = await openRound(url, client, domain, { requester, provers, closesAtMs });
    submissions.set(blockId, await signSubmissions(client, domain, provers[0]!, blockId));
  }
  if (Date.now() > closesAtMs - PREPARED_MS) throw new Error('this machine is too slow to prepare the measurement');
  const queue = startPosting({ url: `${url}/v1/submissions`, clients: SUBMISSION_CLIENTS });
  const cleared: number[] = [];
  await followLog(atEnd, url, ['roundCleared'], ({ roundId, atMs }) => {
    cleared.push(atMs);
    queue.push(submissions.get(roundId.slice(0, roundId.indexOf('.')) as Hex) ?? []);
  });
  const endedAtMs = Math.max(...(await Promise.all([...submissions.keys()].map(completed))));
  const load = await queue.finish();
  const closings = await closingsOf(client, [...submissions.keys()]);
  const firstClosedAtMs = Math.min(...closings);
  const jobs = [...submissions.values()].reduce((total, bodies) => total + bodies.length, 0);
  const elapsedMs = endedAtMs - firstClosedAtMs;
  return {
    ...load,
    elapsedMs,
    jobs,
    rounds: blockCount,
    windowSpreadMs: Math.max(...closings) - firstClosedAtMs,
    clearingMs: Math.max(...cleared) - firstClosedAtMs,
    lifecyclesPerSecond: (1_000 * jobs) / elapsedMs,
  };
}

async function startUnverifyingCoordinator(atEnd: AtEnd): Promise<string> {
  const settings: CoordinatorSettings = {
    dataDir: temporaryHome(atEnd),
    port: 0,
    faucet: true,
    origin: 'localhost/understudy-bench',
    logLevel: 'warn',
    // The provers of this measurement are no agents and send no heartbeats.
    parameters: { leaseMs: 3_600_000 },
  };
  const program = new URL('./unverifyingCoordinator.js', import.meta.url);
  const child = fork(program, [JSON.stringify(settings)], { execArgv: [] });
  const ended = once(child, 'exit');
  atEnd(async () => {
    if (child.connected) child.disconnect();
    await ended;
  });
  const died = ended.then(() => {
    throw new Error('the coordinator of the measurement did not start');
  });
  const [up] = (await Promise.race([once(child, 'message'), died])) as [UnverifyingCoordinatorUp];
  return up.url;
}

interface RoundParties {
  requester: Account;
  provers: readonly Account[];
  /** When the window shall end, as nearly as the time of the submission can be foreseen. Unix milliseconds. */
  closesAtMs: number;
}

/** Submits a block and bids for its jobs. */
async function openRound(
  url: string,
  client: Client,
  domain: SigningDomain,
  { requester, provers, closesAtMs }: RoundParties,
): Promise<Hex> {
  const market = await client.call('getMarket', {});
  const { nowMs } = market;
  const terms = blockTerms({
    deadlineMs: closesAtMs + PROVING_MS,
    bidWindowMs: closesAtMs - nowMs,
    maxPriceWei: MAX_PRICE_WEI,
    rounds: 1,
  });
  const blockId = await new RequesterClient({ client, account: requester }).submit({
    file: readExampleBlock(64),
    terms,
  });
  const bids = provers.map((prover, index) => {
    const priceWei = String(10_000_000 * (index + 1));
    return bidBody(domain, prover, { roundId: `${blockId}.r0`, priceWei, standbyWei: '1000', nowMs });
  });
  await postAll({ url: `${url}/v1/bids`, clients: bids.length }, bids);
  return blockId;
}

/** The submissions for all jobs of a block by the prover that will win them. */
async function signSubmissions(client: Client, domain: SigningDomain, prover: Account, blockId: Hex) {
  const { jobs } = await client.call('listJobs', { params: { blockId } });
  return jobs.map(({ jobId, publicSignals }) => {
    const content = { publicSignals, zkProof: ZK_PROOF };
    const message = { jobId, prover: prover.address, contentHash: contentHashOf(content) };
    return signedBody(domain, 'ProofSubmission', prover, message, content);
  });
}

async function closingsOf(client: Client, blockIds: readonly Hex[]): Promise<number[]> {
  const rounds = await Promise.all(
    blockIds.map((blockId) => client.call('getRound', { params: { roundId: `${blockId}.r0` } })),
  );
  return rounds.map(({ closesAtMs }) => closesAtMs);
}
