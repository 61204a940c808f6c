/** A long log for measurements: a market in memory whose blocks are sold, proven and paid, written as a stream of entries. */
import { type Account, accountOf } from '#agent/client/account.js';
import type { Command } from '#market/command.js';
import { decide } from '#market/decide.js';
import { evolve } from '#market/evolve.js';
import { emptyState, forgetCompleted, type MarketState } from '#market/state.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { digestOf } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import { circuitIdOf } from '#protocol/verificationKey.js';
import type { RealProofs, Submission } from './zkProofSamples.js';

const DOMAIN = { chainId: 31_337, coordinatorId: `0x${'5b'.repeat(32)}` as Hex };
const START_MS = 1_800_000_000_000;
const FUNDS_WEI = 10n ** 30n;
const MAX_PRICE_WEI = 10n ** 12n;
const JOBS_OF_A_BLOCK = 4;
const PROVERS = 4;
const UNSIGNED: Hex = `0x${'11'.repeat(64)}1b`;

export interface LongLogOptions {
  origin: string;
  logKey: string;
  /** Messages are really signed. About 2 ms each. */
  isSigned: boolean;
  /** The circuit, and the zkProof of a job by its number; placeholders without. */
  real: { circuit: RealProofs; proofOf(job: number): Submission } | null;
}

/** Writes blocks of a market one after another. */
export class LongLog {
  private readonly state: MarketState = emptyState();
  private readonly options: LongLogOptions;
  private readonly requester = partyOf(1);
  private readonly provers = Array.from({ length: PROVERS }, (_, index) => partyOf(index + 2));
  private readonly circuitId: Hex;
  private nowMs = START_MS;
  private blocks = 0;
  private jobs = 0;
  private leaves: string[] = [];

  constructor(options: LongLogOptions) {
    this.options = options;
    const key = options.real ? options.real.circuit.verificationKey : {};
    this.circuitId = options.real ? circuitIdOf(options.real.circuit.verificationKey) : contentHashOf(key);
    this.open(key);
  }

  /** The entries of the next block; of the opening at the first call. Canonical JSON. */
  next(): string[] {
    if (this.leaves.length === 0) this.block();
    const { leaves } = this;
    this.leaves = [];
    return leaves;
  }

  private open(verificationKey: object): void {
    const { origin, logKey, real } = this.options;
    const parameters = { ...DEFAULT_PARAMETERS, newcomerJobs: 0 };
    this.run({ kind: 'openMarket', market: { origin, logKey, faucet: true, ...DOMAIN, parameters } });
    const artifact = { sha256: `0x${'00'.repeat(32)}` as Hex, bytes: 1 };
    const signalCount = real ? real.circuit.proven[0]!.publicSignals.length : 3;
    const about = { name: 'measured', kind: 'transferRollup' as const, protocol: 'groth16' as const, signalCount };
    const circuit = { circuitId: this.circuitId, ...about, verificationKey: verificationKey as never };
    const files = { wasm: artifact, zkey: artifact, samples: [] };
    this.run({ kind: 'registerCircuit', circuit: { ...circuit, ...files }, registration: null });
    for (const { address } of [this.requester, ...this.provers]) {
      const reference = `fund ${address}`;
      this.run({ kind: 'deposit', account: address, amountWei: FUNDS_WEI, source: 'faucet', reference });
    }
    for (const prover of this.provers) {
      const { address } = prover;
      const message = { prover: address, owner: address, name: 'prover', issuedAtMs: this.nowMs };
      const signed = this.sign('ProverRegistration', message, prover);
      this.run({ kind: 'registerProver', ...signed, ownerSignature: null });
    }
  }

  private block(): void {
    this.blocks += 1;
    const { address: requester } = this.requester;
    const terms = blockTerms({ deadlineMs: this.nowMs + 100_000, bidWindowMs: 1_000, maxPriceWei: MAX_PRICE_WEI });
    const blockHash: Hex = `0x${'bb'.repeat(32)}`;
    const message = { requester, nonce: this.blocks, circuitId: this.circuitId, blockHash, ...terms };
    const jobs = Array.from({ length: JOBS_OF_A_BLOCK }, (_, place) => ({
      publicSignals: [...(this.proofOf(this.jobs + place)?.publicSignals ?? [`${place}`, '1', '2'])],
      inputHash: `0x${'dd'.repeat(32)}` as Hex,
    }));
    const block = this.sign('BlockRequest', message, this.requester);
    this.run({ kind: 'submitBlock', ...block, jobs });
    const roundId = `${block.digest}.r0`;
    const bids = this.provers.map((prover, place) => this.bid(roundId, prover, place));
    this.nowMs += 1_000;
    const [cleared] = this.run({ kind: 'closeRound', roundId, bids, asOfMs: this.nowMs });
    this.nowMs += 2_000;
    for (const { jobId, primary } of (cleared as EntryOf<'roundCleared'>).awards) this.prove(jobId, primary.prover);
    this.jobs += JOBS_OF_A_BLOCK;
    forgetCompleted(this.state, block.digest);
  }

  private bid(roundId: string, prover: Account, place: number) {
    const message = {
      roundId,
      prover: prover.address,
      priceWei: String(10_000_000 * (place + 1)),
      standbyWei: '1000',
      maxJobs: 1_000,
      maxConcurrent: 8,
      provingMsP95: 5_000,
      expiresAtMs: this.nowMs + 1_000_000,
      salt: `0x${this.blocks.toString(16).padStart(64, '0')}` as Hex,
    };
    const signed = this.sign('Bid', message, prover);
    this.run({ kind: 'placeBid', ...signed });
    return signed;
  }

  private prove(jobId: string, by: Address): void {
    const place = Number(jobId.slice(67));
    const real = this.proofOf(this.jobs + place);
    const publicSignals = this.state.jobs.get(jobId)!.publicSignals;
    const zkProof = (real?.zkProof ?? { of: jobId }) as never;
    const message = { jobId, prover: by, contentHash: contentHashOf({ publicSignals, zkProof }) };
    const prover = this.provers.find(({ address }) => address === by)!;
    const signed = this.sign('ProofSubmission', message, prover);
    this.run({ kind: 'submitProof', ...signed, publicSignals, zkProof });
    this.run({ kind: 'recordVerdict', jobId, submissionId: signed.digest, valid: true, code: '' });
  }

  private proofOf(job: number): Submission | null {
    return this.options.real?.proofOf(job) ?? null;
  }

  private sign<Type extends MessageType>(type: Type, message: Messages[Type], account: Account) {
    const digest = digestOf(DOMAIN, type, message);
    return { message, digest, signature: this.options.isSigned ? account.signDigest(digest) : UNSIGNED };
  }

  private run(command: Command): Entry[] {
    const decision = decide(this.state, command, this.nowMs);
    if (!decision.ok) throw new Error(`${command.kind}: ${decision.rejection.code} ${decision.rejection.detail}`);
    for (const entry of decision.entries) {
      evolve(this.state, entry);
      this.leaves.push(canonicalJson(entry));
    }
    return decision.entries;
  }
}

function partyOf(number: number): Account {
  return accountOf(`0x${number.toString(16).padStart(64, '0')}`);
}
