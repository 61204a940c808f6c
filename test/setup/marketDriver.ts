/**
 * Drives a market command by command under a clock of the test's own, over anything that executes commands: the rules
 * in memory, or a journal on a database. Messages are really signed; zkProofs are placeholders, because their checking
 * is not what these tests are about: the test says the verdict.
 */

import { privateKeyToAccount } from 'viem/accounts';
import type { Command, Decision } from '#market/command.js';
import { decide } from '#market/decide.js';
import { evolve } from '#market/evolve.js';
import { type Circuit, emptyState, type Job, type MarketState } from '#market/state.js';
import { type WakeUpKind, wakeUpsOfJob, wakeUpsOfRound } from '#market/wakeUps.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry, EntryOf, EntryType } from '#protocol/entries.js';
import type { Bid, BlockRequest, GiveUp, Messages, MessageType } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS, type Parameters } from '#protocol/parameters.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import { digestOf, type SigningDomain, typedDataOf } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import { OPERATOR } from './testOperator.js';

export const START_MS = 1_800_000_000_000;
/** The id of the test's circuit, whose verification key is an empty object. */
export const CIRCUIT_ID: Hex = contentHashOf({});
export const DOMAIN = { chainId: 31_337, coordinatorId: `0x${'aa'.repeat(32)}` as Hex };
export const ETH = 10n ** 18n;

/** What a command led to: the entries, or the code of the rejection. */
export type Executed = { ok: true; entries: Entry[] } | { ok: false; code: string };

/** Something that executes commands at the driver's time. */
export interface Executor {
  execute(command: Command, digest: Hex | null, nowMs: number): Promise<Executed>;
  state(): MarketState;
}

/** The rules in memory; every entry is kept. */
export class MemoryExecutor implements Executor {
  readonly entries: Entry[] = [];
  private readonly live = emptyState();
  private readonly answers = new Map<Hex, Executed>();
  private readonly bids = new Map<Hex, Extract<Command, { kind: 'placeBid' }>>();

  state(): MarketState {
    return this.live;
  }

  /** All bids taken so far, which a journal would keep sealed until their round is cleared. */
  sealedBids(): Extract<Command, { kind: 'placeBid' }>[] {
    return [...this.bids.values()];
  }

  async execute(command: Command, digest: Hex | null, nowMs: number): Promise<Executed> {
    const known = digest && this.answers.get(digest);
    if (known) return known;
    const decision: Decision = decide(this.live, this.complete(command), nowMs);
    const executed: Executed = decision.ok ? decision : { ok: false, code: decision.rejection.code };
    if (decision.ok) {
      for (const entry of decision.entries) evolve(this.live, entry);
      this.entries.push(...decision.entries);
      if (command.kind === 'placeBid') this.bids.set(command.digest, command);
      if (digest) this.answers.set(digest, executed);
    }
    return executed;
  }

  private complete(command: Command): Command {
    const round = command.kind === 'closeRound' ? this.live.rounds.get(command.roundId) : undefined;
    if (command.kind !== 'closeRound' || round?.sealing !== 'receipt') return command;
    return { ...command, bids: [...round.bids.values()].map((digest) => this.bids.get(digest)!) };
  }
}

export interface Party {
  address: Address;
  sign<Type extends MessageType>(type: Type, message: Messages[Type]): Promise<{ digest: Hex; signature: Hex }>;
}

/** A party with a key of its own, made from a small number. */
export function party(seed: number): Party {
  return partyOf(seed, DOMAIN);
}

/** The same party in the market of another domain. */
export function partyOf(seed: number, domain: SigningDomain): Party {
  const account = privateKeyToAccount(`0x${(seed + 1).toString(16).padStart(64, '0')}`);
  return {
    address: account.address.toLowerCase() as Address,
    async sign(type, message) {
      const signature = await account.signTypedData(typedDataOf(domain, type, message) as never);
      return { digest: digestOf(domain, type, message), signature: signature as Hex };
    },
  };
}

export interface BidTerms {
  priceWei: bigint;
  standbyWei?: bigint;
  maxJobs?: number;
  maxConcurrent?: number;
  provingMsP95?: number;
  /** How long the bid is good for, from now. */
  lifeMs?: number;
}

export class MarketDriver {
  nowMs = START_MS;
  private nonce = 0;
  private salt = 0;
  private reference = 0;
  readonly executor: Executor;

  constructor(executor: Executor) {
    this.executor = executor;
  }

  get state(): MarketState {
    return this.executor.state();
  }

  async run(command: Command, digest: Hex | null = null): Promise<Executed> {
    return this.executor.execute(command, digest, this.nowMs);
  }

  /**
   * Opens the market with one circuit.
   * @param samples - statements that challenges are drawn from; none: nobody needs to pass one
   */
  async open(
    parameters: Partial<Parameters> = {},
    samples: Circuit['samples'] = [],
    { origin, logKey } = OPERATOR,
  ): Promise<this> {
    await this.run({
      kind: 'openMarket',
      market: {
        origin,
        ...DOMAIN,
        logKey,
        faucet: true,
        parameters: { ...DEFAULT_PARAMETERS, ...parameters },
      },
    });
    const artifact = { sha256: `0x${'00'.repeat(32)}` as Hex, bytes: 1 };
    const circuit = {
      circuitId: CIRCUIT_ID,
      name: 'test',
      kind: 'transferRollup' as const,
      protocol: 'groth16' as const,
      signalCount: 3,
      verificationKey: {},
      wasm: artifact,
      zkey: artifact,
      samples,
    };
    await this.run({ kind: 'registerCircuit', circuit, registration: null });
    return this;
  }

  async fund(address: Address, amountWei = 100n * ETH): Promise<void> {
    this.reference += 1;
    const reference = `fund-${this.reference}`;
    await this.run({ kind: 'deposit', account: address, amountWei, source: 'faucet', reference });
  }

  /** Registers and funds a prover; its owner is itself unless another is given. */
  async prover(seed: number, owner?: Party, fundsWei = 100n * ETH, prover = party(seed)): Promise<Party> {
    const message = {
      prover: prover.address,
      owner: owner?.address ?? prover.address,
      name: `prover ${seed}`,
      issuedAtMs: this.nowMs,
    };
    const { digest, signature } = await prover.sign('ProverRegistration', message);
    const ownerSignature = owner ? (await owner.sign('ProverRegistration', message)).signature : null;
    await this.run({ kind: 'registerProver', message, signature, digest, ownerSignature }, digest);
    if (fundsWei > 0n) await this.fund(prover.address, fundsWei);
    return prover;
  }

  /** Asks for a challenge; the answer carries its id. */
  async requestChallenge(prover: Party, issuedAtMs = this.nowMs) {
    const message = { prover: prover.address, circuitId: CIRCUIT_ID, issuedAtMs };
    const { digest, signature } = await prover.sign('ChallengeRequest', message);
    const executed = await this.run({ kind: 'requestChallenge', message, signature, digest }, digest);
    return { executed, challengeId: digest };
  }

  /** Delivers something for a challenge. */
  async submitChallenge(prover: Party, challengeId: Hex, content = 'a zkProof'): Promise<Executed> {
    const message = { prover: prover.address, circuitId: CIRCUIT_ID, challengeId, contentHash: contentHashOf(content) };
    const { digest, signature } = await prover.sign('ChallengeSubmission', message);
    return this.run({ kind: 'submitChallenge', message, signature, digest }, digest);
  }

  /** Gives the verdict on a challenge. */
  async judgeChallenge({ address: prover }: Party, challengeId: Hex, valid: boolean): Promise<Executed> {
    const code = valid ? '' : 'pairingFailed';
    return this.run({ kind: 'recordChallenge', prover, circuitId: CIRCUIT_ID, challengeId, valid, code });
  }

  /** Asks for a challenge, delivers it and has it found valid. */
  async passChallenge(prover: Party): Promise<Executed> {
    const { challengeId } = await this.requestChallenge(prover);
    await this.submitChallenge(prover, challengeId);
    return this.judgeChallenge(prover, challengeId, true);
  }

  async request(requester: Party, terms: Partial<BlockRequest> = {}): Promise<BlockRequest> {
    this.nonce += 1;
    return {
      requester: requester.address,
      nonce: this.nonce,
      circuitId: CIRCUIT_ID,
      blockHash: `0x${'bb'.repeat(32)}`,
      ...blockTerms({
        deadlineMs: this.nowMs + 100_000,
        bidWindowMs: 1_000,
        maxPriceWei: BigInt(terms.maxPriceWei ?? ETH),
        missCostWei: 10n * ETH,
      }),
      ...terms,
    };
  }

  /**
   * Submits a block of `jobCount` jobs with placeholder signals; the answer carries block and round id.
   * @param after - for each job the places of those that must be proven first
   */
  async submitBlock(requester: Party, jobCount: number, terms: Partial<BlockRequest> = {}, after: number[][] = []) {
    const message = await this.request(requester, terms);
    const { digest, signature } = await requester.sign('BlockRequest', message);
    const jobs = Array.from({ length: jobCount }, (_, index) => ({
      publicSignals: [`${index}`, `${index + 1}`, '7'],
      inputHash: `0x${'dd'.repeat(32)}` as Hex,
      ...((after[index]?.length ?? 0) > 0 && { after: after[index]! }),
    }));
    const executed = await this.run({ kind: 'submitBlock', message, signature, digest, jobs }, digest);
    return { executed, blockId: digest, roundId: `${digest}.r0`, jobIds: jobs.map((_, index) => `${digest}.${index}`) };
  }

  async withdraw(requester: Party, blockId: Hex, issuedAtMs = this.nowMs): Promise<Executed> {
    const message = { requester: requester.address, blockId, issuedAtMs };
    const { digest, signature } = await requester.sign('BlockWithdrawal', message);
    return this.run({ kind: 'withdrawBlock', message, signature, digest }, digest);
  }

  async bid(prover: Party, roundId: string, terms: BidTerms): Promise<Executed> {
    const message = this.bidOn(prover, roundId, terms);
    const { digest, signature } = await prover.sign('Bid', message);
    return this.run({ kind: 'placeBid', message, signature, digest }, digest);
  }

  /** Commits to a bid in a `commitReveal` round; {@link openBid} opens it. */
  async commit(prover: Party, roundId: string, terms: BidTerms) {
    const bid = this.bidOn(prover, roundId, terms);
    const { digest: commitment } = await prover.sign('Bid', bid);
    const message = { roundId, prover: prover.address, commitment };
    const { digest, signature } = await prover.sign('BidCommitment', message);
    const executed = await this.run({ kind: 'commitBid', message, signature, digest }, digest);
    return { executed, bid };
  }

  async openBid(prover: Party, message: Bid): Promise<Executed> {
    const { digest, signature } = await prover.sign('Bid', message);
    return this.run({ kind: 'openBid', message, signature, digest }, digest);
  }

  private bidOn(prover: Party, roundId: string, terms: BidTerms): Bid {
    this.salt += 1;
    return {
      roundId,
      prover: prover.address,
      priceWei: terms.priceWei.toString(),
      standbyWei: (terms.standbyWei ?? 0n).toString(),
      maxJobs: terms.maxJobs ?? 1_000,
      maxConcurrent: terms.maxConcurrent ?? 1,
      provingMsP95: terms.provingMsP95 ?? 5_000,
      expiresAtMs: this.nowMs + (terms.lifeMs ?? 1_000_000),
      salt: `0x${this.salt.toString(16).padStart(64, '0')}`,
    };
  }

  /**
   * Goes on to a moment, handling every wake-up on the way in the order of their due times. One that finds nothing to
   * do is not handled again on this way.
   */
  async advanceTo(untilMs: number): Promise<void> {
    const idle = new Set<string>();
    for (;;) {
      const next = this.dueWakeUps(untilMs).find((one) => !idle.has(`${one.kind} ${one.key} ${one.dueMs}`));
      if (!next) break;
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      const { kind, key } = next;
      const executed = await this.run(wakeUpCommand(kind, key));
      if (executed.ok && executed.entries.length === 0) idle.add(`${kind} ${key} ${next.dueMs}`);
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  async advance(ms: number): Promise<void> {
    await this.advanceTo(this.nowMs + ms);
  }

  private dueWakeUps(untilMs: number) {
    const all = [
      ...[...this.state.rounds.values()].flatMap(wakeUpsOfRound),
      ...[...this.state.jobs.values()].flatMap(wakeUpsOfJob),
    ].filter(({ kind, dueMs, key }) => dueMs <= untilMs && kind !== 'verifyZkProof' && !this.isChecking(kind, key));
    return all.sort((a, b) => a.dueMs - b.dueMs || (a.key < b.key ? -1 : 1));
  }

  /** A deadline waits for a verdict that the test has not given yet. */
  private isChecking(kind: string, key: string): boolean {
    if (kind === 'checkWitness') return true;
    if (kind !== 'expireJob') return false;
    return this.state.jobs.get(key)?.submissions.some(({ verdict }) => verdict === 'pending') ?? false;
  }

  /** Delivers a zkProof placeholder; `variant` makes another message of it. */
  async deliver(
    prover: Party,
    jobId: string,
    variant = 0,
    publicSignals = this.job(jobId).publicSignals,
    by = prover.address,
  ) {
    const zkProof = { variant: String(variant), by };
    const message = { jobId, prover: prover.address, contentHash: contentHashOf({ publicSignals, zkProof }) };
    const { digest, signature } = await prover.sign('ProofSubmission', message);
    const executed = await this.run(
      { kind: 'submitProof', message, signature, digest, publicSignals, zkProof },
      digest,
    );
    return { executed, submissionId: digest };
  }

  /** Commits to the placeholder that {@link deliver} would send of the same variant. */
  async commitToPool(prover: Party, jobId: string, variant = 0, by = prover.address): Promise<Executed> {
    const { publicSignals } = this.job(jobId);
    const contentHash = contentHashOf({ publicSignals, zkProof: { variant: String(variant), by } });
    const commitment = poolCommitmentOf(contentHash, prover.address, jobId);
    const message = { jobId, prover: prover.address, commitment };
    const { digest, signature } = await prover.sign('PoolCommit', message);
    return this.run({ kind: 'commitToPool', message, signature, digest }, digest);
  }

  async judge(jobId: string, submissionId: Hex, valid: boolean): Promise<Executed> {
    return this.run({ kind: 'recordVerdict', jobId, submissionId, valid, code: valid ? '' : 'pairingFailed' });
  }

  /** Delivers and has it found valid. */
  async prove(prover: Party, jobId: string): Promise<Executed> {
    const { executed, submissionId } = await this.deliver(prover, jobId);
    if (!executed.ok) return executed;
    return this.judge(jobId, submissionId, true);
  }

  async giveUp(prover: Party, jobId: string, reason: GiveUp['reason'] = 'overloaded', detail = ''): Promise<Executed> {
    const message = { jobId, prover: prover.address, reason, detail };
    const { digest, signature } = await prover.sign('GiveUp', message);
    return this.run({ kind: 'giveUp', message, signature, digest }, digest);
  }

  job(jobId: string): Job {
    return this.state.jobs.get(jobId)!;
  }

  freeWei(one: Party): bigint {
    return this.state.balances.get(`account:${one.address}`) ?? 0n;
  }
}

/** What the coordinator does at a wake-up. */
function wakeUpCommand(kind: WakeUpKind, key: string): Command {
  if (kind === 'closeRound') return { kind, roundId: key, bids: [] };
  return kind === 'sealBids' ? { kind, roundId: key } : { kind: kind as 'expireJob', jobId: key };
}

/** The entries of one type among those of an answer; fails the test when the command was rejected. */
export function entriesOf<Type extends EntryType>(executed: Executed, type: Type): EntryOf<Type>[] {
  if (!executed.ok) throw new Error(`the command was rejected: ${executed.code}`);
  return executed.entries.filter((entry) => entry.type === type) as EntryOf<Type>[];
}
