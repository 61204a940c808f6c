/** What the circuit of transfers takes for one chunk: the public signals and the private input of a proof job. */
import { z } from 'zod';
import type { Account, CurvePoint } from './account.js';
import { BASE_POINT } from './babyJubjub.js';
import { fieldElementSchema } from './fieldElement.js';
import { TRANSFERS_PER_CHUNK, TREE_LEVELS } from './rollupLimits.js';
import type { SiblingPath } from './stateTree.js';
import { type SignedTransfer, transferHash, transfersCommitment } from './transfer.js';

const perTransfer = <T extends z.ZodType>(schema: T) => z.array(schema).length(TRANSFERS_PER_CHUNK);
const numbersSchema = perTransfer(fieldElementSchema);
const pointsSchema = perTransfer(z.tuple([fieldElementSchema, fieldElementSchema]));
const siblingsSchema = z.tuple([fieldElementSchema, fieldElementSchema, fieldElementSchema]);
const pathsSchema = perTransfer(z.array(siblingsSchema).length(TREE_LEVELS));

/**
 * The input of the circuit `transferRollup`, names and shapes as in transferRollup.circom, every number a canonical
 * decimal string: what a witness generator is handed as it is.
 */
export const chunkWitnessInputSchema = z.strictObject({
  preStateRoot: fieldElementSchema,
  postStateRoot: fieldElementSchema,
  transfersCommitment: fieldElementSchema,
  enabled: numbersSchema,
  from: numbersSchema,
  to: numbersSchema,
  amount: numbersSchema,
  nonce: numbersSchema,
  signatureR8: pointsSchema,
  signatureS: numbersSchema,
  senderKey: pointsSchema,
  senderBalance: numbersSchema,
  senderNonce: numbersSchema,
  senderSiblings: pathsSchema,
  receiverKey: pointsSchema,
  receiverBalance: numbersSchema,
  receiverNonce: numbersSchema,
  receiverSiblings: pathsSchema,
});

export type ChunkWitnessInput = z.infer<typeof chunkWitnessInputSchema>;

/** The public signals of a chunk: preStateRoot, postStateRoot, transfersCommitment, decimal strings. */
export type ChunkPublicSignals = [preStateRoot: string, postStateRoot: string, transfersCommitment: string];

/**
 * A transfer with what the circuit sees of the tree: the sender's account and siblings before the transfer, the
 * receiver's after the sender's side was written (for a transfer to oneself: the debited account).
 */
export type TransferStep = {
  transfer: SignedTransfer;
  sender: Account;
  senderSiblings: SiblingPath;
  receiver: Account;
  receiverSiblings: SiblingPath;
};

const PADDING_ACCOUNT: Account = { key: BASE_POINT, balance: 0n, nonce: 0n };
const PADDING_SIBLINGS: SiblingPath = Array.from({ length: TREE_LEVELS }, () => [0n, 0n, 0n] as const);

/** Fills a place without a transfer: meets every rule that holds for padding too (ranges, points on the curve). */
const PADDING_STEP: TransferStep = {
  transfer: { from: 0, to: 0, amount: 0n, nonce: 0n, signature: { r8: BASE_POINT, s: 0n } },
  sender: PADDING_ACCOUNT,
  senderSiblings: PADDING_SIBLINGS,
  receiver: PADDING_ACCOUNT,
  receiverSiblings: PADDING_SIBLINGS,
};

const pointText = (point: CurvePoint): [string, string] => [`${point[0]}`, `${point[1]}`];
const pathText = (path: SiblingPath): [string, string, string][] => path.map(([a, b, c]) => [`${a}`, `${b}`, `${c}`]);

/**
 * Writes the circuit's input for a chunk and pads it. Checks nothing: whether the circuit accepts it is decided by
 * whoever made the steps.
 *
 * @param steps - 1 to TRANSFERS_PER_CHUNK transfers in order
 */
export function chunkWitnessInput(
  preStateRoot: bigint,
  postStateRoot: bigint,
  steps: readonly TransferStep[],
): ChunkWitnessInput {
  const padded = Array.from({ length: TRANSFERS_PER_CHUNK }, (_, i) => steps[i] ?? PADDING_STEP);
  const commitment = transfersCommitment(steps.map((step) => transferHash(step.transfer)));
  return {
    preStateRoot: `${preStateRoot}`,
    postStateRoot: `${postStateRoot}`,
    transfersCommitment: `${commitment}`,
    enabled: padded.map((_, i) => (i < steps.length ? '1' : '0')),
    from: padded.map(({ transfer }) => `${transfer.from}`),
    to: padded.map(({ transfer }) => `${transfer.to}`),
    amount: padded.map(({ transfer }) => `${transfer.amount}`),
    nonce: padded.map(({ transfer }) => `${transfer.nonce}`),
    signatureR8: padded.map(({ transfer }) => pointText(transfer.signature.r8)),
    signatureS: padded.map(({ transfer }) => `${transfer.signature.s}`),
    senderKey: padded.map(({ sender }) => pointText(sender.key)),
    senderBalance: padded.map(({ sender }) => `${sender.balance}`),
    senderNonce: padded.map(({ sender }) => `${sender.nonce}`),
    senderSiblings: padded.map((step) => pathText(step.senderSiblings)),
    receiverKey: padded.map(({ receiver }) => pointText(receiver.key)),
    receiverBalance: padded.map(({ receiver }) => `${receiver.balance}`),
    receiverNonce: padded.map(({ receiver }) => `${receiver.nonce}`),
    receiverSiblings: padded.map((step) => pathText(step.receiverSiblings)),
  };
}

/** The public signals that a witness input states. */
export function chunkPublicSignals(input: ChunkWitnessInput): ChunkPublicSignals {
  return [input.preStateRoot, input.postStateRoot, input.transfersCommitment];
}
