/**
 * The commands that move the market, and what `decide` answers. A party's command is a signed message, checked at the
 * door and known by its digest; the others come from wake-ups, the verifier and the coordinator itself.
 */
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { LogCause, LogName, PreviousLog } from '#protocol/logLink.js';
import type {
  Bid,
  BidCommitment,
  BlockRequest,
  BlockWithdrawal,
  ChallengeRequest,
  ChallengeSubmission,
  CircuitRegistration,
  GiveUp,
  PoolCommit,
  ProofSubmission,
  ProverRegistration,
} from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Rejection } from '#protocol/rejections.js';
import type { Address, Hex } from '#protocol/units.js';
import type { PreparedClearing } from './preparedClearing.js';
import type { SettlementCommand } from './settlementCommand.js';
import type { Circuit } from './state.js';

interface Signed<Message> {
  message: Message;
  signature: Hex;
}

/** A message with its signature and EIP-712 digest. */
export interface SignedCommand<Message> extends Signed<Message> {
  digest: Hex;
}

/** A job of a block to be submitted; `after` is absent where it waits for no other. */
export interface OrderedJob {
  publicSignals: string[];
  inputHash: Hex;
  after?: number[] | undefined;
}

export type Command =
  | { kind: 'openMarket'; market: Omit<EntryOf<'marketOpened'>, 'type' | 'atMs'> }
  | { kind: 'setParameters'; version: number; parameters: Parameters; reason: string }
  | { kind: 'startCoordinator'; lastSignMs: number; cause: 'start' | 'stall' }
  /** Ends the log: the next one has this origin and key. */
  | { kind: 'closeLog'; next: LogName; reason: string }
  /** Begins the next log; `previous` is the one before, as its checkpoint signs it. */
  | ({ kind: 'openLog'; cause: LogCause; previous: Pick<PreviousLog, 'size' | 'rootHash' | 'checkpoint'> } & LogName)
  | { kind: 'registerCircuit'; circuit: Circuit; registration: Signed<CircuitRegistration> | null }
  | { kind: 'deposit'; account: Address; amountWei: bigint; source: 'faucet'; reference: string }
  | SettlementCommand
  | ({ kind: 'registerProver'; ownerSignature: Hex | null } & SignedCommand<ProverRegistration>)
  | ({ kind: 'requestChallenge' } & SignedCommand<ChallengeRequest>)
  /** Signals and hash of the zkProof, which stays beside the log, were checked at the door. */
  | ({ kind: 'submitChallenge' } & SignedCommand<ChallengeSubmission>)
  | { kind: 'recordChallenge'; prover: Address; circuitId: Hex; challengeId: Hex; valid: boolean; code: string }
  /** The jobs come from `splitBlock` or the witness generator, run before the command is handed in. */
  | ({ kind: 'submitBlock'; jobs: OrderedJob[] } & SignedCommand<BlockRequest>)
  | ({ kind: 'withdrawBlock' } & SignedCommand<BlockWithdrawal>)
  | ({ kind: 'placeBid' } & SignedCommand<Bid>)
  | ({ kind: 'commitBid' } & SignedCommand<BidCommitment>)
  | { kind: 'sealBids'; roundId: string }
  | ({ kind: 'openBid' } & SignedCommand<Bid>)
  /** `bids` are the sealed bids behind the commitments that count, in a `receipt` round. */
  | {
      kind: 'closeRound';
      roundId: string;
      bids: SignedCommand<Bid>[];
      /** The moment that the clearing reckons from; without it, that of the command. */
      asOfMs?: number;
      /** A clearing that was computed before: it counts if nothing that it read has changed. */
      prepared?: PreparedClearing;
    }
  | ({
      kind: 'submitProof';
      publicSignals: string[];
      zkProof: Record<string, unknown>;
    } & SignedCommand<ProofSubmission>)
  | { kind: 'recordVerdict'; jobId: string; submissionId: Hex; valid: boolean; code: string }
  | { kind: 'openPool'; jobId: string }
  | ({ kind: 'commitToPool' } & SignedCommand<PoolCommit>)
  | ({ kind: 'giveUp' } & SignedCommand<GiveUp>)
  | { kind: 'missLease'; jobId: string; prover: Address; lastSeenMs: number }
  /** The agent of the primary reports that it expects to end then. */
  | { kind: 'predictMiss'; jobId: string; expectedEndMs: number }
  /** An assignee has asked for its input, and got it or not. */
  | { kind: 'noteInput'; jobId: string; prover: Address; served: boolean }
  /** Whether a job has a witness, from the coordinator's own look; null when it cannot tell. */
  | { kind: 'recordWitness'; jobId: string; satisfiable: boolean | null; error: string }
  | { kind: 'activateBackup'; jobId: string }
  | { kind: 'expireJob'; jobId: string };

export type CommandKind = Command['kind'];
export type CommandOf<Kind extends CommandKind> = Extract<Command, { kind: Kind }>;

/** What `decide` says: entries to append (none when there is nothing left to do), or an expected no. */
export type Decision = { ok: true; entries: Entry[] } | { ok: false; rejection: Rejection };

/** Nothing to do: a wake-up that came too late or twice. */
export const NOTHING: Decision = { ok: true, entries: [] };

/** Accepts with entries. */
export function accept(...entries: Entry[]): Decision {
  return { ok: true, entries };
}
