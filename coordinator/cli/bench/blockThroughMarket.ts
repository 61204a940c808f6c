/** One block through a running market, and where its time went. */

import { RequesterClient } from '#client/requesterClient.js';
import { blockTerms } from '#protocol/blockTerms.js';
import type { EntryOf } from '#protocol/entries.js';
import { TRANSFERS_PER_CHUNK } from '#protocol/rollup/rollupLimits.js';
import type { Hex } from '#protocol/units.js';
import type { BundleView } from '#protocol/views.js';
import type { ChildLine } from '../start/childProcess.js';
import { type BenchAgent, type BenchMarket, followCompletions } from './benchMarket.js';
import type { AtEnd } from './temporary.js';

/** The shortest window in which agents that follow the feed are sure to bid, in milliseconds. */
const BID_WINDOW_MS = 300;

const MAX_PRICE_WEI = 300_000_000_000_000n;

/** The deadline leaves this many times what the agents promise: nobody is to be late in a measurement. */
const DEADLINE_FACTOR = 4;

/** A stretch of a block's way, in milliseconds. */
export interface Stage {
  name: string;
  ms: number;
}

/** What one agent did. */
export interface AgentShare {
  name: string;
  jobs: number;
  /** Mean cost of a zkProof by the prover's own clock, in milliseconds. */
  witnessMs: number;
  provingMs: number;
  /** From its last zkProof to that of the last agent: what an uneven share costs. */
  idleAtEndMs: number;
}

export interface BlockRun {
  /** From the requester's call to the complete bundle in its hands, in milliseconds. */
  elapsedMs: number;
  /** The way to the last zkProof, along the agent that made it: adds up to `elapsedMs`. */
  stages: Stage[];
  agents: AgentShare[];
  /** What the agent that ended last spent on witnesses and zkProofs, in milliseconds. */
  longestWorkMs: number;
}

/**
 * Submits a block and waits for its bundle. The policy gives each job to who will be done first and buys no cover, so
 * that both sides of a comparison make the same zkProofs, each once.
 */
export async function runBlock(
  atEnd: AtEnd,
  market: BenchMarket,
  agents: readonly BenchAgent[],
  blockFile: unknown,
): Promise<BlockRun> {
  const { client, view, requester, coordinator } = market;
  const completed = await followCompletions(atEnd, market.url);
  const slowestMs = Math.max(...agents.map(({ promisedMs }) => promisedMs));
  const jobCount = Math.ceil((blockFile as { transfers: unknown[] }).transfers.length / TRANSFERS_PER_CHUNK);
  const provingMs = (DEADLINE_FACTOR * slowestMs * jobCount) / agents.length + slowestMs;
  const calledAtMs = Date.now();
  const startedAt = performance.now();
  const terms = blockTerms({
    label: 'bench',
    deadlineMs: calledAtMs + BID_WINDOW_MS + view.parameters.deliveryMarginMs + Math.ceil(provingMs),
    bidWindowMs: BID_WINDOW_MS,
    maxPriceWei: MAX_PRICE_WEI,
    backup: 'none',
    award: 'fastest',
    pricing: 'first',
  });
  const blockId = await new RequesterClient({ client, account: requester }).submit({ file: blockFile, terms });
  const died = coordinator.ended.then(() => {
    throw new Error('the coordinator has ended in the middle of a measurement');
  });
  await Promise.race([completed(blockId), died]);
  const bundle = await client.call('getBundle', { params: { blockId } });
  const elapsedMs = performance.now() - startedAt;
  assertComplete(bundle);
  const entries = await entriesOfBlock(market, blockId);
  return { elapsedMs, ...accountFor(calledAtMs, elapsedMs, entries, agents, bundle) };
}

function assertComplete(bundle: BundleView): void {
  if (!bundle.complete) throw new Error('the block has expired: not every job of the measurement was proven');
}

interface BlockEntries {
  submittedAtMs: number;
  closesAtMs: number;
  clearedAtMs: number;
  received: EntryOf<'proofReceived'>[];
  accepted: EntryOf<'proofAccepted'>[];
}

async function entriesOfBlock({ client }: BenchMarket, blockId: Hex): Promise<BlockEntries> {
  const found: BlockEntries = { submittedAtMs: 0, closesAtMs: 0, clearedAtMs: 0, received: [], accepted: [] };
  for (let from = 0; ; ) {
    const { entries } = await client.call('listEntries', { query: { from } });
    if (entries.length === 0) return found;
    from += entries.length;
    for (const { leaf } of entries) {
      const entry = JSON.parse(leaf) as EntryOf<'blockSubmitted' | 'roundOpened' | 'roundCleared'> | BlockEnd;
      if (entry.type === 'blockSubmitted' && entry.blockId === blockId) found.submittedAtMs = entry.atMs;
      if (entry.type === 'roundOpened' && entry.blockId === blockId) found.closesAtMs = entry.closesAtMs;
      if (entry.type === 'roundCleared' && entry.roundId.startsWith(blockId)) found.clearedAtMs = entry.atMs;
      if (entry.type === 'proofReceived' && entry.message.jobId.startsWith(blockId)) found.received.push(entry);
      if (entry.type === 'proofAccepted' && entry.jobId.startsWith(blockId)) found.accepted.push(entry);
    }
  }
}

type BlockEnd = EntryOf<'proofReceived' | 'proofAccepted'>;

interface ProofTimes {
  startedAtMs: number;
  madeAtMs: number;
  witnessMs: number;
  provingMs: number;
}

/** The zkProofs that an agent made for the jobs of a bundle, by its own log, in order. */
function proofsOf(log: readonly ChildLine[], bundle: BundleView): ProofTimes[] {
  const ours = new Set(bundle.zkProofs.map(({ jobId }) => jobId));
  const startedAtMs = new Map<unknown, number>();
  const proofs: ProofTimes[] = [];
  for (const { event, jobId, atMs, witnessMs, provingMs } of log) {
    if (!ours.has(String(jobId))) continue;
    if (event === 'proofStarted') startedAtMs.set(jobId, Number(atMs));
    if (event !== 'proofMade') continue;
    const madeAtMs = Number(atMs);
    const began = startedAtMs.get(jobId) ?? madeAtMs;
    proofs.push({ startedAtMs: began, madeAtMs, witnessMs: Number(witnessMs), provingMs: Number(provingMs) });
  }
  return proofs;
}

function accountFor(
  calledAtMs: number,
  elapsedMs: number,
  entries: BlockEntries,
  agents: readonly BenchAgent[],
  bundle: BundleView,
): Omit<BlockRun, 'elapsedMs'> {
  const made = agents.map((agent) => ({ agent, proofs: proofsOf(agent.readLog(), bundle) }));
  const lastOf = (proofs: readonly ProofTimes[]) => Math.max(0, ...proofs.map(({ madeAtMs }) => madeAtMs));
  const last = made.reduce((a, b) => (lastOf(b.proofs) > lastOf(a.proofs) ? b : a));
  const lastMadeAtMs = lastOf(last.proofs);
  const shares = made.map(({ agent, proofs }) => ({
    name: agent.name,
    jobs: proofs.length,
    witnessMs: sum(proofs.map(({ witnessMs }) => witnessMs)) / Math.max(1, proofs.length),
    provingMs: sum(proofs.map(({ provingMs }) => provingMs)) / Math.max(1, proofs.length),
    idleAtEndMs: proofs.length > 0 ? lastMadeAtMs - lastOf(proofs) : lastMadeAtMs - entries.clearedAtMs,
  }));
  return {
    stages: stagesOf(calledAtMs, elapsedMs, entries, last.proofs, lastMadeAtMs),
    agents: shares,
    longestWorkMs: sum(last.proofs.map(({ witnessMs, provingMs }) => witnessMs + provingMs)),
  };
}

function stagesOf(
  calledAtMs: number,
  elapsedMs: number,
  { submittedAtMs, closesAtMs, clearedAtMs, received, accepted }: BlockEntries,
  proofs: readonly ProofTimes[],
  lastMadeAtMs: number,
): Stage[] {
  const firstStartedAtMs = Math.min(...proofs.map(({ startedAtMs }) => startedAtMs));
  const lastReceivedAtMs = Math.max(...received.map(({ atMs }) => atMs));
  const lastAcceptedAtMs = Math.max(...accepted.map(({ atMs }) => atMs));
  const witnessMs = sum(proofs.map((one) => one.witnessMs));
  const provingMs = sum(proofs.map((one) => one.provingMs));
  return [
    { name: 'sign, send, split, escrow', ms: submittedAtMs - calledAtMs },
    { name: 'bid window', ms: closesAtMs - submittedAtMs },
    { name: 'clearing', ms: clearedAtMs - closesAtMs },
    { name: 'awards heard, first input fetched', ms: firstStartedAtMs - clearedAtMs },
    { name: 'witnesses', ms: witnessMs },
    { name: 'proving', ms: provingMs },
    { name: 'self-checks and turns between zkProofs', ms: lastMadeAtMs - firstStartedAtMs - witnessMs - provingMs },
    { name: 'last delivery', ms: lastReceivedAtMs - lastMadeAtMs },
    { name: 'last verification', ms: lastAcceptedAtMs - lastReceivedAtMs },
    { name: 'feed and bundle', ms: elapsedMs - (lastAcceptedAtMs - calledAtMs) },
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
