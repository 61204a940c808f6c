/**
 * The projections: which rows an entry touches, and how the market's entities stand in their tables. Jobs, rounds and
 * blocks are stored as the JSON that the API answers.
 */

import { isRevealing } from '#market/commitReveal.js';
import type { ChainEntryType } from '#market/settlementFold.js';
import { type Assignment, type Job, type JobPool, type MarketState, type Round, recordKey } from '#market/state.js';
import {
  CHAIN_ENTITY,
  setEntity,
  type WakeUp,
  wakeUpsOfChain,
  wakeUpsOfChallenge,
  wakeUpsOfJob,
  wakeUpsOfRound,
  wakeUpsOfSet,
} from '#market/wakeUps.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Address, Hex } from '#protocol/units.js';
import type { JobView, PoolView } from '#protocol/views.js';
import { settlementFactsOf, type TouchedSettlement } from './settlementRows.js';

/** Keys of the rows that a batch has to write. */
export interface Touched {
  market: boolean;
  balances: Set<string>;
  requesters: Set<Address>;
  provers: Set<Address>;
  records: Set<string>;
  challenges: Set<string>;
  circuits: Set<Hex>;
  blocks: Set<Hex>;
  rounds: Set<string>;
  jobs: Set<string>;
  chain: TouchedSettlement;
}

/** Nothing touched yet. */
export function nothingTouched(): Touched {
  return {
    market: false,
    balances: new Set(),
    requesters: new Set(),
    provers: new Set(),
    records: new Set(),
    challenges: new Set(),
    circuits: new Set(),
    blocks: new Set(),
    rounds: new Set(),
    jobs: new Set(),
    chain: { withdrawals: new Set(), sets: new Set(), roots: false },
  };
}

/** Notes what an entry has touched; call it after `evolve`. */
export function touch(touched: Touched, state: MarketState, entry: Entry): void {
  if ('postings' in entry) {
    for (const { from, to } of entry.postings) touched.balances.add(from).add(to);
  }
  switch (entry.type) {
    case 'marketOpened':
    case 'parametersSet':
    case 'logClosed':
      touched.market = true;
      break;
    case 'logOpened':
    case 'coordinatorStarted':
      touchOpen(touched, state, entry);
      break;
    case 'circuitRegistered':
      touched.circuits.add(entry.circuitId);
      break;
    case 'proverRegistered':
      touched.provers.add(entry.message.prover);
      break;
    case 'challengeIssued':
    case 'challengeReceived':
    case 'challengePassed':
    case 'challengeFailed':
      touchChallenge(touched, 'message' in entry ? entry.message : entry);
      break;
    case 'blockSubmitted':
    case 'blockWithdrawn':
      touchBlock(touched, entry);
      break;
    case 'roundOpened':
    case 'roundCleared':
      touchRound(touched, entry);
      break;
    case 'blockCompleted':
      touchBlockEnd(touched, state, entry.blockId);
      break;
    case 'gaveUp':
    case 'poolCommitted':
    case 'proofReceived':
      touched.jobs.add(entry.message.jobId);
      break;
    case 'poolOpened':
    case 'leaseMissed':
    case 'inputRefused':
    case 'inputServed':
    case 'witnessChecked':
    case 'backupActivated':
    case 'proofRejected':
      touched.jobs.add(entry.jobId);
      break;
    case 'proofAccepted':
    case 'jobExpired':
      touchEnded(touched, state, entry.jobId);
      break;
    case 'bidsSealed':
    case 'jobsEscalated':
      touched.rounds.add(entry.roundId);
      break;
    case 'bidOpened':
      touched.rounds.add(entry.message.roundId);
      break;
    case 'bidPlaced':
    case 'bidCommitted':
      break;
    default:
      touchChain(touched, entry);
  }
}

function touchChain(touched: Touched, entry: EntryOf<ChainEntryType | 'deposited'>): void {
  switch (entry.type) {
    case 'deposited':
      if (entry.chain) touched.market = true;
      break;
    case 'withdrawalRequested':
      touched.chain.withdrawals.add(entry.message.account);
      break;
    case 'chainAttached':
      touched.market = true;
      break;
    case 'balanceRootComputed':
    case 'rootPosted':
      touched.market = true;
      touched.chain.roots = true;
      break;
    case 'jobSetCommitted':
      touched.market = true;
      touched.chain.sets.add(entry.setId);
      break;
    case 'jobSetSettled':
      touched.chain.sets.add(entry.setId);
      break;
    default:
      entry satisfies never;
  }
}

function touchBlockEnd(touched: Touched, state: MarketState, blockId: Hex): void {
  touched.blocks.add(blockId);
  touchSet(touched, state, blockId);
}

/** A block that is paid on chain has grown its job set, or ended with it. */
function touchSet(touched: Touched, state: MarketState, blockId: Hex): void {
  if (state.settlement?.sets.has(blockId)) touched.chain.sets.add(blockId);
}

function touchRound(touched: Touched, entry: EntryOf<'roundOpened'> | EntryOf<'roundCleared'>): void {
  touched.rounds.add(entry.roundId);
  if (entry.type === 'roundOpened') touched.blocks.add(entry.blockId);
  const jobIds = entry.type === 'roundOpened' ? entry.jobIds : entry.awards.map(({ jobId }) => jobId);
  for (const jobId of jobIds) touched.jobs.add(jobId);
}

function touchBlock(touched: Touched, entry: EntryOf<'blockSubmitted'> | EntryOf<'blockWithdrawn'>): void {
  if (entry.type === 'blockWithdrawn') {
    touched.blocks.add(entry.message.blockId);
    for (const roundId of entry.roundIds) touched.rounds.add(roundId);
    return;
  }
  touched.requesters.add(entry.message.requester);
  touched.blocks.add(entry.blockId);
  for (const { jobId } of entry.jobs) touched.jobs.add(jobId);
}

function touchChallenge(touched: Touched, { prover, circuitId }: { prover: Address; circuitId: Hex }): void {
  touched.challenges.add(recordKey(prover, circuitId));
}

/** The wake-ups of everything touched that can have any, by the round, job or challenge that waits. */
export function wakeUpsOfTouched(touched: Touched, state: MarketState): [entity: string, WakeUp[]][] {
  return [
    ...[...touched.rounds].map((key): [string, WakeUp[]] => [key, wakeUpsOfRound(state.rounds.get(key)!)]),
    ...[...touched.jobs].map((key): [string, WakeUp[]] => [key, wakeUpsOfJob(state.jobs.get(key)!)]),
    ...[...touched.challenges].map((key): [string, WakeUp[]] => [key, wakeUpsOfChallenge(state.challenges.get(key)!)]),
    ...wakeUpsOfTouchedChain(touched, state),
  ];
}

function wakeUpsOfTouchedChain({ market, chain }: Touched, { settlement }: MarketState): [entity: string, WakeUp[]][] {
  if (!settlement) return [];
  const found = [...chain.sets].map((setId): [string, WakeUp[]] => {
    const set = settlement.sets.get(setId);
    return [setEntity(setId), set ? wakeUpsOfSet(set) : []];
  });
  return market ? [...found, [CHAIN_ENTITY, wakeUpsOfChain(settlement)]] : found;
}

/** A gap of the coordinator shifts the due times of all that is open; even a short one excuses who had to show something. */
function touchOpen(
  touched: Touched,
  state: MarketState,
  entry: EntryOf<'coordinatorStarted'> | EntryOf<'logOpened'>,
): void {
  touched.market = true;
  if (entry.type === 'logOpened') {
    touchAllOpen(touched, state);
    return;
  }
  const { gapMs } = entry;
  for (const round of state.rounds.values()) {
    if (gapMs > 0 ? round.clearedAtMs === null : isRevealing(round)) touched.rounds.add(round.roundId);
  }
  for (const job of state.jobs.values()) {
    const isTouched = job.status === 'awarded' ? gapMs > 0 || job.pool : job.status === 'pooled';
    if (isTouched) touched.jobs.add(job.jobId);
  }
  if (gapMs === 0) return;
  for (const [key, { status }] of state.challenges) if (status === 'open') touched.challenges.add(key);
}

/** A next log may begin with all that is open anew. */
function touchAllOpen(touched: Touched, state: MarketState): void {
  for (const { roundId, clearedAtMs } of state.rounds.values()) if (clearedAtMs === null) touched.rounds.add(roundId);
  for (const { jobId, status } of state.jobs.values()) if (status !== 'ended') touched.jobs.add(jobId);
  for (const [key, { status }] of state.challenges) if (status === 'open') touched.challenges.add(key);
}

function touchEnded(touched: Touched, state: MarketState, jobId: string): void {
  const job = state.jobs.get(jobId)!;
  touchSet(touched, state, job.blockId);
  touched.jobs.add(jobId);
  touched.blocks.add(job.blockId);
  const provers = [job.primary, job.backup, ...job.submissions].flatMap((one) => one?.prover ?? []);
  for (const prover of provers) touched.records.add(recordKey(prover, job.circuitId));
}

/** A job as the API answers it and its table keeps it. */
export function jobToView(job: Job): JobView {
  return {
    ...job,
    maxPriceWei: job.maxPriceWei.toString(),
    priceWei: job.priceWei.toString(),
    standbyFeeWei: job.standbyFeeWei.toString(),
    primary: job.primary && assignmentToView(job.primary),
    backup: job.backup && assignmentToView(job.backup),
    pool: job.pool && poolToView(job.pool),
  };
}

function assignmentToView(side: Assignment) {
  return { ...side, priceBidWei: side.priceBidWei.toString(), bondWei: side.bondWei.toString() };
}

/** The inverse of {@link jobToView}. */
export function jobFromView(view: JobView): Job {
  return {
    ...view,
    maxPriceWei: BigInt(view.maxPriceWei),
    priceWei: BigInt(view.priceWei),
    standbyFeeWei: BigInt(view.standbyFeeWei),
    primary: view.primary && assignmentFromView(view.primary),
    backup: view.backup && assignmentFromView(view.backup),
    pool: view.pool && poolFromView(view.pool),
  };
}

function assignmentFromView(side: NonNullable<JobView['primary']>): Assignment {
  return { ...side, priceBidWei: BigInt(side.priceBidWei), bondWei: BigInt(side.bondWei) };
}

function poolToView(pool: JobPool): PoolView {
  return {
    ...pool,
    fromWei: pool.fromWei.toString(),
    toWei: pool.toWei.toString(),
    commitments: pool.commitments.map((one) => {
      return { ...one, priceWei: one.priceWei.toString(), bondWei: one.bondWei.toString() };
    }),
  };
}

function poolFromView(view: PoolView): JobPool {
  return {
    ...view,
    fromWei: BigInt(view.fromWei),
    toWei: BigInt(view.toWei),
    commitments: view.commitments.map((one) => {
      return { ...one, priceWei: BigInt(one.priceWei), bondWei: BigInt(one.bondWei) };
    }),
  };
}

/** A round as its table keeps it: without its bids, which have tables of their own. */
export type RoundRow = Omit<Round, 'bids' | 'opened' | 'maxPriceWei'> & { maxPriceWei: string };

export function roundToRow({ bids: _bids, opened: _opened, ...round }: Round): RoundRow {
  return { ...round, maxPriceWei: round.maxPriceWei.toString() };
}

/** The inverse of {@link roundToRow}, with the round's bids beside it. */
export function roundFromRow(row: RoundRow, { bids, opened }: Pick<Round, 'bids' | 'opened'>): Round {
  return { ...row, maxPriceWei: BigInt(row.maxPriceWei), bids, opened };
}

/** The facts of the market that stand in no other table. */
export function marketFactsOf(state: MarketState) {
  const { market, parametersVersion, parameters, startedAtMs, gapEndedAtMs, silentSinceMs } = state;
  const { earlierLogs, logFirstIndex, closedFor, importedAtMs } = state;
  const settlement = settlementFactsOf(state.settlement);
  const logs = { earlierLogs, logFirstIndex, closedFor, importedAtMs };
  const moments = { startedAtMs, gapEndedAtMs, silentSinceMs };
  const facts = { market, ...logs, parametersVersion, parameters: [...parameters], ...moments };
  return settlement ? { ...facts, settlement } : facts;
}
