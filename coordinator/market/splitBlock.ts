import type { Account, CurvePoint } from '#protocol/rollup/account.js';
import { accountLeaf } from '#protocol/rollup/account.js';
import { type BlockFile, type BlockTransfer, blockFileSchema } from '#protocol/rollup/blockFile.js';
import {
  type ChunkPublicSignals,
  type ChunkWitnessInput,
  chunkPublicSignals,
  chunkWitnessInput,
  type TransferStep,
} from '#protocol/rollup/chunkWitness.js';
import { UINT64_MAX } from '#protocol/rollup/fieldElement.js';
import { TRANSFERS_PER_CHUNK } from '#protocol/rollup/rollupLimits.js';
import { StateTree, siblingPositions } from '#protocol/rollup/stateTree.js';
import { type SignedTransfer, transferHash } from '#protocol/rollup/transfer.js';
import { isValidSignature, type PreparedKey, prepareKey } from '#protocol/rollup/transferSignature.js';

/**
 * Why a block cannot be proven.
 * - `malformed`: not a block file; `detail` names the field
 * - `badSiblings`: not as many sibling hashes as the accounts need
 * - `wrongPreStateRoot`: accounts and siblings do not hash to preStateRoot
 * - `unknownSender`, `unknownReceiver`: the account is not among the block's accounts
 * - `badNonce`: not the nonce that the sender's account has by then
 * - `nonceExhausted`: the sender's nonce is 2^64 - 1, so there is no next one
 * - `overdraft`: the sender has less than the amount
 * - `overflow`: the receiver would have 2^64 or more
 * - `badKey`: the sender's public key is off the curve or of small order, so it can sign nothing
 * - `badSignature`: the signature is not the sender's for this transfer
 * - `wrongPostStateRoot`: executing the block ends at another root
 */
export type SplitRejectionCode =
  | 'malformed'
  | 'badSiblings'
  | 'wrongPreStateRoot'
  | 'unknownSender'
  | 'unknownReceiver'
  | 'badNonce'
  | 'nonceExhausted'
  | 'overdraft'
  | 'overflow'
  | 'badKey'
  | 'badSignature'
  | 'wrongPostStateRoot';

/** One proof job of a block: its place, the exact public signals, and the private input for the witness generator. */
export type SplitJob = { index: number; publicSignals: ChunkPublicSignals; witnessInput: ChunkWitnessInput };

/** `transferIndex` counts from 0 and is null when the reason lies in no single transfer. */
export type SplitRejection = { ok: false; code: SplitRejectionCode; transferIndex: number | null; detail: string };

export type SplitResult = { ok: true; jobs: SplitJob[] } | SplitRejection;

type Refusal = { code: SplitRejectionCode; detail: string };

/**
 * Executes a block again and cuts it into proof jobs of TRANSFERS_PER_CHUNK transfers, whose roots chain from the
 * block's preStateRoot to its postStateRoot. Accepts a block exactly when the circuit accepts every one of its jobs,
 * so that nothing is auctioned that nobody can prove. Pure, and heavy on the CPU (about 10 ms a transfer): run it off
 * the main thread.
 *
 * @param input - a parsed block file; anything that is none is `malformed`
 * @returns the jobs in order, or the first reason against the block with the transfer's number
 */
export function splitBlock(input: unknown): SplitResult {
  const parsed = blockFileSchema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const [field, place] = issue.path;
    const transferIndex = field === 'transfers' && typeof place === 'number' ? place : null;
    return reject('malformed', transferIndex, `${issue.path.join('.') || 'block'}: ${issue.message}`);
  }
  const block = parsed.data;
  const state = loadState(block);
  if ('code' in state) return reject(state.code, null, state.detail);

  const jobs: SplitJob[] = [];
  for (let first = 0; first < block.transfers.length; first += TRANSFERS_PER_CHUNK) {
    const preStateRoot = state.tree.root();
    const steps: TransferStep[] = [];
    for (const [offset, transfer] of block.transfers.slice(first, first + TRANSFERS_PER_CHUNK).entries()) {
      const step = state.apply(transferOf(transfer));
      if ('code' in step) return reject(step.code, first + offset, step.detail);
      steps.push(step);
    }
    const witnessInput = chunkWitnessInput(preStateRoot, state.tree.root(), steps);
    jobs.push({ index: jobs.length, publicSignals: chunkPublicSignals(witnessInput), witnessInput });
  }
  const reached = `${state.tree.root()}`;
  if (reached !== block.postStateRoot) {
    return reject('wrongPostStateRoot', null, `executing the block ends at ${reached}, not at ${block.postStateRoot}`);
  }
  return { ok: true, jobs };
}

function reject(code: SplitRejectionCode, transferIndex: number | null, detail: string): SplitRejection {
  return { ok: false, code, transferIndex, detail };
}

function pointOf([x, y]: readonly [string, string]): CurvePoint {
  return [BigInt(x), BigInt(y)];
}

function transferOf({ from, to, amount, nonce, signature }: BlockTransfer): SignedTransfer {
  return {
    from,
    to,
    amount: BigInt(amount),
    nonce: BigInt(nonce),
    signature: { r8: pointOf(signature.r8), s: BigInt(signature.s) },
  };
}

/** Builds the known part of the account tree and checks it against preStateRoot: one check for all paths at once. */
function loadState(block: BlockFile): BlockState | Refusal {
  const positions = siblingPositions(block.accounts.map(({ index }) => index));
  if (positions.length !== block.siblings.length) {
    const detail = `these accounts need ${positions.length} sibling hashes, the block has ${block.siblings.length}`;
    return { code: 'badSiblings', detail };
  }
  const tree = new StateTree();
  const accounts = new Map<number, Account>();
  for (const { index, key, balance, nonce } of block.accounts) {
    const account: Account = { key: pointOf(key), balance: BigInt(balance), nonce: BigInt(nonce) };
    accounts.set(index, account);
    tree.setLeaf(index, accountLeaf(account));
  }
  for (const [i, { level, index }] of positions.entries()) tree.setNode(level, index, BigInt(block.siblings[i]!));
  const root = `${tree.root()}`;
  if (root !== block.preStateRoot) {
    const detail = `accounts and siblings hash to ${root}, not to preStateRoot ${block.preStateRoot}`;
    return { code: 'wrongPreStateRoot', detail };
  }
  return new BlockState(tree, accounts);
}

/** The accounts that a block touches and their tree, between two transfers. */
class BlockState {
  readonly #keys = new Map<number, PreparedKey | undefined>();

  constructor(
    readonly tree: StateTree,
    private readonly accounts: Map<number, Account>,
  ) {}

  /** Checks a transfer by the circuit's rules and applies it, first the sender's side, then the receiver's. */
  apply(transfer: SignedTransfer): TransferStep | Refusal {
    const { from, to, amount } = transfer;
    const sender = this.accounts.get(from);
    if (!sender) return { code: 'unknownSender', detail: `account ${from} is not among the block's accounts` };
    if (!this.accounts.has(to)) {
      return { code: 'unknownReceiver', detail: `account ${to} is not among the block's accounts` };
    }
    const refusal = checkSender(sender, transfer) ?? this.#checkSignature(sender, transfer);
    if (refusal) return refusal;
    const senderSiblings = this.tree.siblings(from);
    this.#replace(from, { ...sender, balance: sender.balance - amount, nonce: sender.nonce + 1n });

    const receiver = this.accounts.get(to)!;
    if (receiver.balance + amount > UINT64_MAX) {
      return { code: 'overflow', detail: `account ${to} has ${receiver.balance}; ${amount} more is 2^64 or above` };
    }
    const receiverSiblings = this.tree.siblings(to);
    this.#replace(to, { ...receiver, balance: receiver.balance + amount });
    return { transfer, sender, senderSiblings, receiver, receiverSiblings };
  }

  #replace(index: number, account: Account): void {
    this.accounts.set(index, account);
    this.tree.setLeaf(index, accountLeaf(account));
  }

  #checkSignature(sender: Account, transfer: SignedTransfer): Refusal | undefined {
    if (!this.#keys.has(transfer.from)) this.#keys.set(transfer.from, prepareKey(sender.key));
    const key = this.#keys.get(transfer.from);
    if (!key)
      return { code: 'badKey', detail: `the key of account ${transfer.from} is off the curve or of small order` };
    if (isValidSignature(key, transferHash(transfer), transfer.signature)) return undefined;
    return { code: 'badSignature', detail: `not a signature of account ${transfer.from} for this transfer` };
  }
}

function checkSender(sender: Account, { from, amount, nonce }: SignedTransfer): Refusal | undefined {
  if (nonce !== sender.nonce) {
    return { code: 'badNonce', detail: `the nonce is ${nonce}, account ${from} stands at ${sender.nonce}` };
  }
  if (nonce === UINT64_MAX) return { code: 'nonceExhausted', detail: `account ${from} has no nonce left` };
  if (amount > sender.balance) {
    return { code: 'overdraft', detail: `the amount is ${amount}, account ${from} has ${sender.balance}` };
  }
  return undefined;
}
