/**
 * What an agent is doing and how it fares, as a fold of the events of its log: the live view shows it, and so may
 * whatever else reads a log. Plain data: amounts of wei are decimal strings, times Unix milliseconds.
 */

/** An event as a line of the log has it. */
export interface AgentEvent {
  atMs: number;
  event: string;
  readonly [field: string]: unknown;
}

/** A job that is held. */
export interface JobStatus {
  jobId: string;
  circuitId: string | null;
  role: string;
  /** False while a backup stands by. */
  isActive: boolean;
  dueMs: number | null;
  stage: string;
  progressPpm: number;
  startedMs: number | null;
  expectedEndMs: number | null;
  failures: number;
}

/** A circuit that is proven here, or why not. */
export interface CircuitStatus {
  circuitId: string;
  name: string | null;
  backend: string | null;
  promisedMs: number | null;
  typicalMs: number | null;
  /** Null while it is served. */
  failure: string | null;
}

/** How proving times came out against what was promised and what was expected. */
export interface EstimateStatus {
  proofs: number;
  /** Those that took no longer than was promised. */
  kept: number;
  expectedMs: number;
  actualMs: number;
}

/** What a bid or a round came to: for people. */
export interface BidNews {
  atMs: number;
  roundId: string;
  code: string;
  text: string;
}

export interface ScoreStatus {
  circuitId: string;
  isEligible: boolean;
  onTimePpm: number | null;
  latencyPct: number | null;
  reachablePpm: number | null;
  flaws: readonly string[];
}

export interface AgentStatus {
  phase: 'starting' | 'ready' | 'stopping' | 'stopped';
  prover: string | null;
  name: string | null;
  coordinator: string | null;
  slots: number;
  startedMs: number | null;
  lastEventMs: number | null;
  isConnected: boolean;
  jobs: Readonly<Record<string, JobStatus>>;
  circuits: Readonly<Record<string, CircuitStatus>>;
  freeWei: string | null;
  bondedWei: string | null;
  /** Of this run: what came in for ended jobs, and what was lost of bonds and deposits. */
  earnedWei: string;
  lostWei: string;
  /** Of this run: jobs that ended with money coming in, and with money lost. */
  paidJobs: number;
  lossyJobs: number;
  delivered: number;
  failedProofs: number;
  handedBack: number;
  scores: Readonly<Record<string, ScoreStatus>>;
  estimates: Readonly<Record<string, EstimateStatus>>;
  bidsPlaced: number;
  bidsWon: number;
  /** By code. */
  bidsLost: Readonly<Record<string, number>>;
  roundsSkipped: Readonly<Record<string, number>>;
  /** The newest bids that won nothing and rounds that were not bid for, newest first. */
  lastLost: readonly BidNews[];
  /** What the operator should know, newest first. */
  notices: readonly { atMs: number; text: string }[];
}

export const EMPTY_STATUS: AgentStatus = {
  phase: 'starting',
  prover: null,
  name: null,
  coordinator: null,
  slots: 1,
  startedMs: null,
  lastEventMs: null,
  isConnected: false,
  jobs: {},
  circuits: {},
  freeWei: null,
  bondedWei: null,
  earnedWei: '0',
  lostWei: '0',
  paidJobs: 0,
  lossyJobs: 0,
  delivered: 0,
  failedProofs: 0,
  handedBack: 0,
  scores: {},
  estimates: {},
  bidsPlaced: 0,
  bidsWon: 0,
  bidsLost: {},
  roundsSkipped: {},
  lastLost: [],
  notices: [],
};
