/**
 * Replay: the audit as a re-run. Every group of entries is derived again from the command behind it, by the same
 * `decide`, and must come out the same to the byte; signatures, digests and commitments are checked on the way.
 * zkProofs are handed to the caller, because checking them is slow and not for this thread.
 */

import type { Entry, EntryOf } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import { blockIdOf, type Hex } from '#protocol/units.js';
import type { Command, Decision } from './command.js';
import { logBid, priceFlaw } from './commands/placeBid.js';
import { decide } from './decide.js';
import { signatureFlaw } from './entrySignatures.js';
import { evolve } from './evolve.js';
import { challengeCommandOf } from './replayChallenge.js';
import { settlementCommandOf } from './replaySettlement.js';
import { emptyState, forgetCompleted, type MarketState } from './state.js';

/** The first place where the log is not what the rules make of it. */
export interface Divergence {
  /** Index of the entry. */
  index: number;
  type: string;
  /** What the rules say against what the log says, in a sentence. */
  explanation: string;
  cause: DivergenceCause;
}

/**
 * Of which kind a divergence is. `clock`: a time before that of the entry before. `rejected`: the rules say no to the
 * command behind it. `differs`: the rules make another entry of it. `cutShort`: the log ends where more must follow.
 * `impossible`: no honest coordinator can have written it.
 */
export type DivergenceCause =
  | { kind: 'clock' }
  | { kind: 'signature' }
  | { kind: 'needless' }
  | { kind: 'impossible' }
  | { kind: 'rejected'; code: string }
  /** `isFirst`: nothing of its command has been applied yet. */
  | { kind: 'differs'; expected: Entry; isFirst: boolean }
  | { kind: 'cutShort'; expected: Entry };

/** A zkProof that the log says was judged, for the caller to judge again. */
export interface JudgedProof {
  index: number;
  circuitId: Hex;
  verificationKey: EntryOf<'circuitRegistered'>['verificationKey'];
  publicSignals: string[];
  expectedSignals: string[];
  zkProof: EntryOf<'proofReceived'>['zkProof'];
  accepted: boolean;
}

export interface ReplayOptions {
  checkSignatures: boolean;
  /** Works out EIP-712 digests; one that remembers them saves an auditor working them out again. */
  digestOf?: typeof digestOf;
  onJudgedProof?: (judged: JudgedProof) => void;
  /** Called with the state while a completed block is still in it. */
  onBlockCompleted?: (state: MarketState, blockId: Hex) => void;
}

/**
 * Folds entries one by one, in order, and stops at the first divergence. Completed blocks are forgotten, so that
 * memory follows open work and not the length of the log.
 */
export class Replay {
  readonly state: MarketState = emptyState();
  divergence: Divergence | null = null;
  /** Entries that the last command must still be followed by. */
  private expected: Entry[] = [];
  /** Commitments of all bids for open blocks: one that was replaced may not come back. */
  private readonly committed = new Map<Hex, Set<Hex>>();
  private readonly received = new Map<Hex, EntryOf<'proofReceived'>>();
  private readonly options: ReplayOptions;

  constructor(options: ReplayOptions) {
    this.options = options;
  }

  /** Takes the next entry; false once the log has diverged. */
  push(entry: Entry): boolean {
    if (this.divergence) return false;
    try {
      const flaw = this.flawOf(entry);
      if (flaw) return this.diverge(entry, ...flaw);
      this.noteProof(entry);
      if (entry.type === 'bidPlaced') this.commitmentsOf(entry.roundId).add(entry.commitment);
      if (entry.type === 'bidCommitted') {
        this.commitmentsOf(entry.message.roundId).add(this.digest('BidCommitment', entry.message));
      }
      evolve(this.state, entry);
      if (entry.type === 'blockCompleted') {
        this.options.onBlockCompleted?.(this.state, entry.blockId);
        this.forget(entry.blockId);
      }
    } catch (error) {
      return this.diverge(entry, error instanceof Error ? error.message : String(error), { kind: 'impossible' });
    }
    return true;
  }

  /**
   * What the rules would make of the command behind an entry if every version of the parameters were as `change` makes it:
   * to find out why an entry diverges. Null when they would refuse it.
   */
  deriveUnder(entry: Entry, change: (parameters: Parameters) => Parameters): Entry[] | null {
    const { parameters } = this.state;
    this.state.parameters = new Map([...parameters].map(([version, one]) => [version, change(one)]));
    try {
      const decision = this.derive(entry);
      return decision.ok ? decision.entries : null;
    } catch {
      return null;
    } finally {
      this.state.parameters = parameters;
    }
  }

  /** Takes the next entry as the log has it; says in a sentence what is wrong with it, null when nothing is. */
  pushLeaf(leaf: string): string | null {
    const { entry, flaw } = readEntryText(leaf);
    if (!entry) return `entry ${this.state.size} is ${flaw}`;
    if (this.push(entry)) return null;
    const { index, type, explanation } = this.divergence!;
    return `entry ${index} (${type}): ${explanation}`;
  }

  /** Call at the end of the log: a command's entries must all be there. */
  end(): Divergence | null {
    const [expected] = this.expected;
    if (!this.divergence && expected) {
      const explanation = `the log ends before the ${expected.type} that must follow`;
      this.diverge(expected, explanation, { kind: 'cutShort', expected });
    }
    return this.divergence;
  }

  private diverge(entry: Entry, explanation: string, cause: DivergenceCause): false {
    this.divergence = { index: this.state.size, type: entry.type, explanation, cause };
    return false;
  }

  private commitmentsOf(roundId: string): Set<Hex> {
    const known = this.committed.get(blockIdOf(roundId)) ?? new Set();
    this.committed.set(blockIdOf(roundId), known);
    return known;
  }

  private forget(blockId: Hex): void {
    for (const jobId of this.state.blocks.get(blockId)?.jobIds ?? []) {
      for (const { submissionId } of this.state.jobs.get(jobId)?.submissions ?? []) this.received.delete(submissionId);
    }
    this.committed.delete(blockId);
    forgetCompleted(this.state, blockId);
  }

  private flawOf(entry: Entry): [explanation: string, cause: DivergenceCause] | null {
    if (entry.atMs < this.state.lastAtMs) {
      return [`its time ${entry.atMs} is before that of the entry before it`, { kind: 'clock' }];
    }
    if (!this.state.market && entry.type !== 'marketOpened') {
      return ['a log begins with marketOpened', { kind: 'impossible' }];
    }
    const isFirst = this.expected.length === 0;
    if (this.state.closedFor && entry.type !== 'logOpened') {
      return ['nothing follows logClosed but the opening of the next log', { kind: 'impossible' }];
    }
    if (isFirst) {
      const flaw = this.options.checkSignatures ? signatureFlaw(entry, this.digest) : null;
      if (flaw) return [flaw, { kind: 'signature' }];
      const decision = this.derive(entry);
      if (!decision.ok) {
        const { code, detail } = decision.rejection;
        return [`the rules reject it: ${code} ${detail}`.trim(), { kind: 'rejected', code }];
      }
      if (decision.entries.length === 0) return ['the rules see no reason for it at this moment', { kind: 'needless' }];
      this.expected = decision.entries;
    }
    const expected = this.expected.shift()!;
    if (isSameJson(expected, entry)) return null;
    const [wanted, found] = [canonicalJson(expected), canonicalJson(entry)];
    return wanted === found ? null : [firstDifference(wanted, found), { kind: 'differs', expected, isFirst }];
  }

  /** Runs the command behind an entry again. */
  private derive(entry: Entry): Decision {
    if (entry.type === 'bidPlaced') {
      const round = this.state.rounds.get(entry.roundId);
      if (!round) throw new Error(`a bid for the unknown round ${entry.roundId}`);
      if (round.sealing !== 'receipt') throw new Error('a bid in a round that takes commitments');
      if (this.commitmentsOf(entry.roundId).has(entry.commitment))
        throw new Error('this bid was placed before: one digest, one answer');
      return logBid(this.state, round, entry.prover, entry.commitment, entry.atMs);
    }
    const command = this.commandOf(entry);
    if (command.kind === 'commitBid' && this.commitmentsOf(command.message.roundId).has(command.digest)) {
      throw new Error('this bid was committed to before: one digest, one answer');
    }
    return decide(this.state, command, entry.atMs);
  }

  private domain(): SigningDomain {
    const { market } = this.state;
    if (!market) throw new Error('the log does not begin with marketOpened');
    return { chainId: market.chainId, coordinatorId: market.coordinatorId };
  }

  private readonly digest = <Type extends MessageType>(type: Type, message: Messages[Type]): Hex =>
    (this.options.digestOf ?? digestOf)(this.domain(), type, message);

  private commandOf(entry: Entry): Command {
    switch (entry.type) {
      case 'marketOpened': {
        const { type: _type, atMs: _atMs, ...market } = entry;
        return { kind: 'openMarket', market };
      }
      case 'parametersSet': {
        const { version, parameters, reason } = entry;
        return { kind: 'setParameters', version, parameters, reason };
      }
      case 'coordinatorStarted':
        return { kind: 'startCoordinator', lastSignMs: entry.lastSignMs, cause: entry.cause };
      case 'logClosed':
        return { kind: 'closeLog', next: entry.next, reason: entry.reason };
      case 'logOpened': {
        const { cause, origin, logKey } = entry;
        const { size, rootHash, checkpoint } = entry.previous;
        return { kind: 'openLog', cause, origin, logKey, previous: { size, rootHash, checkpoint } };
      }
      case 'circuitRegistered': {
        const { type: _type, atMs: _atMs, registration, ...circuit } = entry;
        return { kind: 'registerCircuit', circuit, registration };
      }
      case 'proverRegistered': {
        const { message, signature } = entry;
        const digest = this.digest('ProverRegistration', message);
        return {
          kind: 'registerProver',
          message,
          signature,
          digest,
          ownerSignature: entry.ownerSignature as Hex | null,
        };
      }
      case 'blockWithdrawn': {
        const { message, signature } = entry;
        return { kind: 'withdrawBlock', message, signature, digest: this.digest('BlockWithdrawal', message) };
      }
      case 'blockSubmitted': {
        const { message, signature } = entry;
        const jobs = entry.jobs.map(({ jobId: _jobId, ...job }) => job);
        return { kind: 'submitBlock', message, signature, digest: this.digest('BlockRequest', message), jobs };
      }
      default:
        return settlementCommandOf(entry, this.digest) ?? this.roundCommandOf(entry) ?? this.jobCommandOf(entry);
    }
  }

  private roundCommandOf(entry: Entry): Command | null {
    switch (entry.type) {
      case 'bidCommitted': {
        const { message, signature } = entry;
        return { kind: 'commitBid', message, signature, digest: this.digest('BidCommitment', message) };
      }
      case 'bidsSealed':
        return { kind: 'sealBids', roundId: entry.roundId };
      case 'bidOpened': {
        const { message, signature } = entry;
        return { kind: 'openBid', message, signature, digest: this.digest('Bid', message) };
      }
      case 'roundCleared':
        return { kind: 'closeRound', roundId: entry.roundId, bids: this.openedBids(entry), asOfMs: entry.asOfMs };
      default:
        return challengeCommandOf(entry, this.digest);
    }
  }

  private jobCommandOf(entry: Entry): Command {
    switch (entry.type) {
      case 'proofReceived': {
        const { message, signature, submissionId: digest, publicSignals, zkProof } = entry;
        return { kind: 'submitProof', message, signature, digest, publicSignals, zkProof };
      }
      case 'proofAccepted':
      case 'proofRejected': {
        const valid = entry.type === 'proofAccepted';
        const { jobId, submissionId } = entry;
        return { kind: 'recordVerdict', jobId, submissionId, valid, code: 'code' in entry ? entry.code : '' };
      }
      case 'jobsEscalated':
        return { kind: 'expireJob', jobId: entry.jobIds[0]! };
      case 'poolOpened':
        return { kind: 'openPool', jobId: entry.jobId };
      case 'poolCommitted': {
        const { message, signature } = entry;
        return { kind: 'commitToPool', message, signature, digest: this.digest('PoolCommit', message) };
      }
      case 'gaveUp': {
        const { message, signature } = entry;
        return { kind: 'giveUp', message, signature, digest: this.digest('GiveUp', message) };
      }
      case 'leaseMissed':
        return { kind: 'missLease', jobId: entry.jobId, prover: entry.prover, lastSeenMs: entry.lastSeenMs };
      case 'backupActivated': {
        const { jobId, cause, expectedEndMs } = entry;
        const isPredicted = cause === 'predictedMiss' && expectedEndMs !== null;
        return isPredicted ? { kind: 'predictMiss', jobId, expectedEndMs } : { kind: 'activateBackup', jobId };
      }
      case 'inputRefused':
      case 'inputServed': {
        const { jobId, prover } = entry;
        return { kind: 'noteInput', jobId, prover, served: entry.type === 'inputServed' };
      }
      case 'witnessChecked': {
        const { jobId, satisfiable, error } = entry;
        return { kind: 'recordWitness', jobId, satisfiable, error };
      }
      case 'jobExpired':
        return { kind: 'expireJob', jobId: entry.jobId };
      default:
        throw new Error(`no command leads to a lone ${entry.type}`);
    }
  }

  /** Each published bid must be the one whose commitment was logged, and must have been fit to count. */
  private openedBids(entry: EntryOf<'roundCleared'>) {
    const round = this.state.rounds.get(entry.roundId);
    if (!round) throw new Error(`a clearing of the unknown round ${entry.roundId}`);
    return entry.bids.map(({ message, signature }) => {
      const digest = this.digest('Bid', message);
      if (round.bids.get(message.prover) !== digest) {
        throw new Error(`the published bid of ${message.prover} is not the one that was committed to`);
      }
      const flaw = priceFlaw(message, round);
      if (flaw) throw new Error(`the bid of ${message.prover} should have been refused: ${flaw.code}`);
      return { message, signature, digest };
    });
  }

  private noteProof(entry: Entry): void {
    if (entry.type === 'proofReceived') this.received.set(entry.submissionId, entry);
    if (entry.type !== 'proofAccepted' && entry.type !== 'proofRejected') return;
    const received = this.received.get(entry.submissionId);
    const job = this.state.jobs.get(entry.jobId);
    const circuit = job && this.state.circuits.get(job.circuitId);
    if (!received || !job || !circuit) throw new Error('a verdict on a zkProof that was never received');
    this.options.onJudgedProof?.({
      index: this.state.size,
      circuitId: circuit.circuitId,
      verificationKey: circuit.verificationKey,
      publicSignals: received.publicSignals,
      expectedSignals: job.publicSignals,
      zkProof: received.zkProof,
      accepted: entry.type === 'proofAccepted',
    });
  }
}

/** True when two JSON values have the same canonical text. Of others it may say no: their texts are then compared. */
function isSameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((one, place) => isSameJson(one, b[place]));
  }
  if (Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => {
    const one = (a as Record<string, unknown>)[key];
    return one !== undefined && Object.hasOwn(b, key) && isSameJson(one, (b as Record<string, unknown>)[key]);
  });
}

/** Where two canonical texts part, with a little of each. */
function firstDifference(expected: string, found: string): string {
  let at = 0;
  while (at < expected.length && expected[at] === found[at]) at += 1;
  const excerpt = (text: string) => text.slice(Math.max(0, at - 40), at + 60);
  return `the rules say ...${excerpt(expected)}... and the log says ...${excerpt(found)}...`;
}
