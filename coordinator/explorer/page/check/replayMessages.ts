/** What the page and the worker that replays the log tell each other. */

export interface ReplayOrder {
  roundId: string;
  /** Where its roundCleared stands. */
  clearedIndex: number;
}

/** A bidder as the clearing saw it, by the state that the log folds to. Money in wei, as text. */
export interface SeenCandidate {
  prover: string;
  owner: string;
  freeWei: string;
  runningMs: number;
  standbyMs: number;
  provingMsP95: number;
}

export interface ReplayOutcome {
  /** True when everything up to the clearing, and the clearing itself, came out as the log has it. */
  agrees: boolean;
  /** The first place where rules and log part, in a sentence. */
  divergence: string | null;
  candidates: SeenCandidate[];
  /** How many bids had a good signature and stood under their commitment. */
  bidsChecked: number;
  /** Entries replayed, and the root of the tree that they make, in hexadecimal. */
  entries: number;
  /** The log that it ended in, and the entries of that one's tree. */
  log: number;
  treeSize: number;
  rootHash: string;
  elapsedMs: number;
}

export type ReplayMessage =
  | { kind: 'progress'; done: number; total: number }
  | { kind: 'done'; outcome: ReplayOutcome }
  | { kind: 'failed'; reason: string };
