/**
 * CPU work of the API off the main thread: EIP-712 digests with signature checks, and the splitting of blocks. The two
 * have threads of their own, so that a large block does not hold up the bids.
 */
import type { Messages, MessageType } from '#protocol/messages.js';
import type { RejectionCode } from '#protocol/rejections.js';
import type { SigningDomain } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import { WorkerLane } from './workerLane.js';

/** Signature checks that may wait or be under way at once. */
export const SIGNATURE_QUEUE_MAX = 4_096;

/** Signature checks that a thread takes at once; it takes about 0.5 to 2 ms for each. */
export const SIGNATURE_BATCH_MAX = 32;

/** Blocks that may wait or be under way at once; each may hold megabytes. */
export const SPLIT_QUEUE_MAX = 16;

const SIGNATURE_TIMEOUT_MS = 10_000;
/** The largest block takes about 10 ms a transfer. */
const SPLIT_TIMEOUT_MS = 300_000;
/** A thread that has split a block keeps about 60 MB; a new one is there in a fifth of a second. */
const SPLIT_IDLE_MS = 5_000;

/** A job of a split block, ready for the journal. */
export interface SplitBlockJob {
  publicSignals: string[];
  /** contentHashOf(witnessInput). */
  inputHash: Hex;
  witnessInput: unknown;
}

export type BlockSplit =
  | { ok: true; jobs: SplitBlockJob[] }
  | { ok: false; code: 'blockHashMismatch' | 'invalidBlock'; detail: string };

/** One piece of work as it goes to a thread. */
export type HeavyTask =
  | { kind: 'signed'; type: MessageType; message: Messages[MessageType]; signature: Hex; account: Address }
  | { kind: 'digest'; digest: Hex; signature: Hex; account: Address }
  | { kind: 'split'; blockFile: unknown; blockHash: Hex };

/** A signature's digest, and what is wrong with it: null when the account signed it. */
export interface CheckedSignature {
  digest: Hex;
  flaw: RejectionCode | null;
}

export type HeavyAnswer = CheckedSignature | BlockSplit;

/** Every method throws an operational error (`retryable`) when too much waits, a thread dies, or after close. */
export interface HeavyWork {
  /** Computes a message's digest under the market's domain and checks that `account` signed it. */
  checkSigned<Type extends MessageType>(
    type: Type,
    message: Messages[Type],
    signature: Hex,
    account: Address,
  ): Promise<CheckedSignature>;
  /** Checks that `account` signed a digest. */
  checkDigest(digest: Hex, signature: Hex, account: Address): Promise<CheckedSignature>;
  /** Compares a block file with the hash that was signed, executes it again and cuts it into jobs. */
  splitBlock(blockFile: unknown, blockHash: Hex): Promise<BlockSplit>;
  close(): Promise<void>;
}

export interface HeavyWorkOptions {
  domain: SigningDomain;
  /** Threads for signatures, 1 unless told; each is made when first needed. */
  signatureThreads?: number;
  /** {@link SIGNATURE_QUEUE_MAX} unless told. */
  signatureQueueMax?: number;
}

/** Starts no thread before there is work. */
export function createHeavyWork(options: HeavyWorkOptions): HeavyWork {
  const workerUrl = new URL('./heavyWorker.js', import.meta.url);
  const workerData = options.domain;
  const signatures = new WorkerLane<HeavyTask, HeavyAnswer>({
    workerUrl,
    workerData,
    threadsMax: options.signatureThreads ?? 1,
    batchMax: SIGNATURE_BATCH_MAX,
    queueMax: options.signatureQueueMax ?? SIGNATURE_QUEUE_MAX,
    timeoutMs: SIGNATURE_TIMEOUT_MS,
    heapMb: 64,
  });
  const splits = new WorkerLane<HeavyTask, HeavyAnswer>({
    workerUrl,
    workerData,
    threadsMax: 1,
    batchMax: 1,
    queueMax: SPLIT_QUEUE_MAX,
    timeoutMs: SPLIT_TIMEOUT_MS,
    heapMb: 256,
    idleMs: SPLIT_IDLE_MS,
  });
  return {
    checkSigned: (type, message, signature, account) =>
      signatures.run({ kind: 'signed', type, message, signature, account }) as Promise<CheckedSignature>,
    checkDigest: (digest, signature, account) =>
      signatures.run({ kind: 'digest', digest, signature, account }) as Promise<CheckedSignature>,
    splitBlock: (blockFile, blockHash) => splits.run({ kind: 'split', blockFile, blockHash }) as Promise<BlockSplit>,
    async close() {
      await Promise.all([signatures.close(), splits.close()]);
    },
  };
}
