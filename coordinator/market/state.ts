/**
 * The market's state: what the log folds to. Plain data, no methods. Amounts are `bigint` wei, times Unix milliseconds.
 * `evolve` changes it in place and is the only one to do so.
 */
import type { DeliveryRole, EntryOf, GiveUpExcuse, Role } from '#protocol/entries.js';
import type { Escalation } from '#protocol/escalation.js';
import type { Posting } from '#protocol/ledger.js';
import type { LogName } from '#protocol/logLink.js';
import type { Bid, BlockRequest, Sealing } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import type { EarlierLog } from './logChain.js';
import type { Settlement } from './settlement.js';

export interface Circuit {
  circuitId: Hex;
  name: string;
  kind: EntryOf<'circuitRegistered'>['kind'];
  protocol: EntryOf<'circuitRegistered'>['protocol'];
  signalCount: number;
  verificationKey: EntryOf<'circuitRegistered'>['verificationKey'];
  wasm: { sha256: Hex; bytes: number };
  zkey: { sha256: Hex; bytes: number };
  samples: EntryOf<'circuitRegistered'>['samples'];
}

export interface Requester {
  address: Address;
  /** Nonce of the newest accepted block request. */
  nonce: number;
}

export interface Prover {
  prover: Address;
  owner: Address;
  name: string;
  registeredAtMs: number;
}

/** How an assignment went. */
export interface Outcome {
  /** When its job ended. */
  atMs: number;
  /** Time taken in percent of the promised; {@link NEVER} when it did not deliver, null when it never had to prove. */
  latenessPct: number | null;
  /** False when its lease lapsed. */
  reachable: boolean;
}

/** The lateness of what was not delivered: above any that is measured. */
export const NEVER = 1_000_000_000;

/** The newest challenge of a prover for a circuit. */
export interface Challenge {
  prover: Address;
  circuitId: Hex;
  challengeId: Hex;
  sampleIndex: number;
  issuedAtMs: number;
  dueMs: number;
  /** `received`: waits for the verdict. An open one that is past its due time is over. */
  status: 'open' | 'received' | 'passed' | 'failed';
  submissionId: Hex | null;
  receivedAtMs: number | null;
}

/** What the log shows of one prover on one circuit. */
export interface ProverRecord {
  prover: Address;
  circuitId: Hex;
  /** zkProofs of it that were accepted. */
  accepted: number;
  /** How its newest assignments went, oldest first, at most `outcomesMax`; those that it was excused from are left out. */
  outcomes: Outcome[];
  /** Newest proving times, oldest first, at most `provingSamplesMax`. */
  provingMs: number[];
  /** When the newest zkProofs came in, oldest first: a prover's jobs queue behind one another. */
  receivedAtMs: number[];
}

/** A job that a prover is committed to, running or standing by: queued in front of whatever it bids for next. */
export interface Commitment {
  jobId: string;
  standby: boolean;
  provingMs: number;
}

export interface Block {
  blockId: Hex;
  request: BlockRequest;
  jobIds: string[];
  submittedAtMs: number;
  /** Some of its jobs wait for others. */
  isOrdered: boolean;
  /** When its requester withdrew what nobody had been awarded. */
  withdrawnAtMs: number | null;
  roundCount: number;
  provenCount: number;
  expiredCount: number;
  completedAtMs: number | null;
}

/** A bid with its prover's signature. */
export interface OpenedBid {
  message: Bid;
  signature: Hex;
}

export interface Round {
  roundId: string;
  blockId: Hex;
  circuitId: Hex;
  jobIds: string[];
  /** Which step of the block's escalation schedule it is, from 0. */
  step: number;
  parametersVersion: number;
  sealing: Sealing;
  /** The most that it pays for a job. */
  maxPriceWei: bigint;
  deadlineMs: number;
  openedAtMs: number;
  closesAtMs: number;
  /** The commitment that counts for each prover, in the order of the log; empty once they are published. */
  bids: Map<Address, Hex>;
  /** `commitReveal` only: when its commitments were complete, and where in the log that stands. */
  sealedAtMs: number | null;
  sealedEntryIndex: number | null;
  /** Until when its bids may be opened; the moment of the last opening once all are. Null before it is sealed. */
  revealsUntilMs: number | null;
  /** The coordinator was down while bids were to be opened: whoever has not opened is not charged. */
  revealExcused: boolean;
  /** The bids that were opened, by prover; empty once the round is cleared. */
  opened: Map<Address, OpenedBid>;
  /** When it was cleared, or ended with the withdrawal of its block. */
  clearedAtMs: number | null;
  withdrawn: boolean;
  /** Where its roundCleared stands in the log. */
  clearedEntryIndex: number | null;
  /** Where its unsold jobs went: each step once. */
  escalations: Escalation[];
}

/** One side of a job's award, as it goes on. */
export interface Assignment {
  prover: Address;
  owner: Address;
  priceBidWei: bigint;
  bondWei: bigint;
  provingMsP95: number;
  slots: number;
  promisedMs: number;
  /** When its slots are free of what it ran at the award; shifted by the coordinator's downtime. */
  freeFromMs: number;
  missPpm: number;
  dueMs: number;
  /** `standby`: waits; `active`: must prove; `gaveUp`: out. */
  status: 'standby' | 'active' | 'gaveUp';
  activeSinceMs: number | null;
  /** A lease that lapsed: costs a backup its standby fee. */
  leaseMissed: boolean;
  invalidCount: number;
  /** When the coordinator first failed to serve the job's input, and has not served it since. */
  inputRefusedAtMs: number | null;
  /** Why its giving up costs it nothing. */
  excuse: GiveUpExcuse | null;
  /**
   * From when on it counts as having failed: it gave up, missed its lease, used up its invalid zkProofs, or its
   * promised time is over. Null while there is no such moment. When both sides are spent, the pool opens.
   */
  spentAtMs: number | null;
}

/** A commitment to a zkProof for a pooled job. */
export interface PoolCommitment {
  prover: Address;
  commitment: Hex;
  entryIndex: number;
  committedAtMs: number;
  /** What its zkProof earns: fixed by the time of the commitment. */
  priceWei: bigint;
  /** Forfeited when the zkProof does not come or is invalid. */
  bondWei: bigint;
  /** Shifted by the coordinator's downtime; a zkProof must come before the deadline all the same. */
  revealByMs: number;
  submissionId: Hex | null;
}

/** Anyone eligible may deliver the job: see pool.ts. */
export interface JobPool {
  cause: EntryOf<'poolOpened'>['cause'];
  /** Where the price begins to rise; shifted by the coordinator's downtime. */
  openedAtMs: number;
  fromWei: bigint;
  toWei: bigint;
  /** Sides whose bonds pay for dearer cover: judged once, when the pool opens. */
  atFault: Address[];
  /** In the order of the log. */
  commitments: PoolCommitment[];
}

export interface Submission {
  submissionId: Hex;
  /** Where the zkProof stands in the log. */
  entryIndex: number;
  /** Its place in the order in which zkProofs count: its own, or that of its commitment to the pool. */
  claimIndex: number;
  prover: Address;
  role: DeliveryRole;
  receivedAtMs: number;
  verdict: 'pending' | 'valid' | 'invalid';
}

export interface Job {
  jobId: string;
  blockId: Hex;
  circuitId: Hex;
  publicSignals: string[];
  inputHash: Hex;
  maxPriceWei: bigint;
  deadlineMs: number;
  /** `waiting`: for others. `pooled`: unsold, and in the pool; an awarded job stays `awarded` when its pool opens. */
  status: 'waiting' | 'open' | 'awarded' | 'pooled' | 'ended';
  /** Jobs of its block that must be proven before it is auctioned. */
  after: string[];
  /** Its newest round, null before the first, and the parameters in force when that opened, or at the submission. */
  roundId: string | null;
  parametersVersion: number;
  roundsHeld: number;
  awardedAtMs: number | null;
  priceWei: bigint;
  standbyFeeWei: bigint;
  primary: Assignment | null;
  backup: Assignment | null;
  /** When the backup starts at the latest; null without a backup. */
  backupStartMs: number | null;
  activatedAtMs: number | null;
  activationCause: EntryOf<'backupActivated'>['cause'] | null;
  /** When a prover first gave up because its witness generator failed; null while nobody has. */
  witnessClaimedAtMs: number | null;
  /** What the coordinator found when it looked for itself. */
  witnessVerdict: 'satisfiable' | 'unsatisfiable' | 'unchecked' | null;
  poolPolicy: BlockRequest['pool'];
  pool: JobPool | null;
  submissions: Submission[];
  outcome: 'proven' | 'expired' | null;
  outcomeReason: EntryOf<'jobExpired'>['reason'] | null;
  deliveredBy: DeliveryRole | null;
  provingMs: number | null;
  endedAtMs: number | null;
}

export interface Market {
  origin: string;
  coordinatorId: Hex;
  chainId: number;
  logKey: string;
  faucet: boolean;
}

export interface MarketState {
  /** Entries folded so far: the index of the next one. */
  size: number;
  lastAtMs: number;
  market: Market | null;
  /** The logs before the present one, oldest first; and which entry the present one begins with. */
  earlierLogs: EarlierLog[];
  logFirstIndex: number;
  /** Set when the log has been closed for a next one: nothing else may follow in it. */
  closedFor: LogName | null;
  /** When the market was last carried on from an export; 0 if never. */
  importedAtMs: number;
  parametersVersion: number;
  /** Every version: rounds and their jobs keep to the one that they opened under. */
  parameters: Map<number, Parameters>;
  /** When the coordinator last came back; leases are judged from here at the earliest. */
  startedAtMs: number;
  /** When the newest gap of the coordinator that shifted due times was over; 0 before the first. */
  gapEndedAtMs: number;
  /** Since when there had been no coordinator to speak of when it last came back; null before the first time. */
  silentSinceMs: number | null;
  balances: Map<string, bigint>;
  requesters: Map<Address, Requester>;
  provers: Map<Address, Prover>;
  records: Map<string, ProverRecord>;
  /** By prover and circuit, as records are. */
  challenges: Map<string, Challenge>;
  commitments: Map<Address, Map<string, Commitment>>;
  circuits: Map<Hex, Circuit>;
  /** Blocks, rounds and jobs; those of completed blocks are forgotten by {@link forgetCompleted}. */
  blocks: Map<Hex, Block>;
  rounds: Map<string, Round>;
  jobs: Map<string, Job>;
  /** The chain that holds the money; null on a market of demo money. */
  settlement: Settlement | null;
}

/** A market before its first entry. */
export function emptyState(): MarketState {
  return {
    size: 0,
    lastAtMs: 0,
    market: null,
    earlierLogs: [],
    logFirstIndex: 0,
    closedFor: null,
    importedAtMs: 0,
    parametersVersion: 0,
    parameters: new Map(),
    startedAtMs: 0,
    gapEndedAtMs: 0,
    silentSinceMs: null,
    balances: new Map(),
    requesters: new Map(),
    provers: new Map(),
    records: new Map(),
    challenges: new Map(),
    commitments: new Map(),
    circuits: new Map(),
    blocks: new Map(),
    rounds: new Map(),
    jobs: new Map(),
    settlement: null,
  };
}

/** Drops a completed block with its rounds and jobs: no later entry refers to them, so that memory follows open work. */
export function forgetCompleted(state: MarketState, blockId: Hex): void {
  const block = state.blocks.get(blockId);
  if (!block || block.completedAtMs === null) return;
  for (const jobId of block.jobIds) state.jobs.delete(jobId);
  for (let number = 0; number < block.roundCount; number += 1) state.rounds.delete(`${blockId}.r${number}`);
  state.blocks.delete(blockId);
  state.balances.delete(`escrow:${blockId}`);
}

/** Free money of a party, in wei. */
export function freeWei(state: MarketState, address: Address): bigint {
  return state.balances.get(`account:${address}`) ?? 0n;
}

export function recordKey(prover: Address, circuitId: Hex): string {
  return `${prover}|${circuitId}`;
}

/** The parameters in force: for what begins now. An open market always has them. */
export function parametersOf(state: MarketState): Parameters {
  return parametersAt(state, state.parametersVersion);
}

/** The parameters that hold for a round, or for a job and its awards: those in force when its round opened. */
export function pinnedParameters(state: MarketState, pinned: Pick<Round | Job, 'parametersVersion'>): Parameters {
  return parametersAt(state, pinned.parametersVersion);
}

function parametersAt(state: MarketState, version: number): Parameters {
  const found = state.parameters.get(version);
  if (!found) throw new Error(`the market has no parameters of version ${version}: its log must begin with them`);
  return found;
}

/** How many zkProofs of a job wait for their verdicts. */
export function pendingCount(job: Job): number {
  return job.submissions.filter((one) => one.verdict === 'pending').length;
}

/** The assignment that `prover` holds in a job, with its role. */
export function assignmentOf(job: Job, prover: Address): { role: Role; assignment: Assignment } | null {
  if (job.primary?.prover === prover) return { role: 'primary', assignment: job.primary };
  if (job.backup?.prover === prover) return { role: 'backup', assignment: job.backup };
  return null;
}

/**
 * True when a primary's zkProof came too late: after its backup was called for a fault of the primary, or from the
 * primary's own due time on. Judged by the receipt: how long the verdict takes is no fault of the prover. A primary whose
 * agent only expected to be late, and which is not after all, keeps the whole time that it was promised. Within the
 * millisecond of a call the prover has the benefit of the doubt, but not at its due time.
 */
export function isLate({ activatedAtMs, activationCause, primary }: Job, receivedAtMs: number): boolean {
  if (activatedAtMs === null || primary === null) return false;
  if (activationCause === 'startTime' || activationCause === 'predictedMiss') return receivedAtMs >= primary.dueMs;
  return receivedAtMs > activatedAtMs;
}

/** Makes a posting. Amounts of zero are dropped by the caller through {@link compactPostings}. */
export function posting(from: string, to: string, amountWei: bigint, why: Posting['why']): Posting {
  return { from, to, amountWei: amountWei.toString(), why };
}

/** Drops postings that move nothing. */
export function compactPostings(postings: Posting[]): Posting[] {
  return postings.filter((one) => one.amountWei !== '0');
}
