/** Chunks for tests: a small rollup whose steps are made without any check, so that rules can be broken one by one. */
import { AccountTree } from '#circuits/accountTree.js';
import { buildExampleRollup, type ExampleRollup } from '#circuits/exampleBlock.js';
import { signTransfer } from '#circuits/transferSigner.js';
import { type ChunkWitnessInput, chunkWitnessInput, type TransferStep } from '#protocol/rollup/chunkWitness.js';
import { FIELD_MODULUS } from '#protocol/rollup/fieldElement.js';
import type { SignedTransfer } from '#protocol/rollup/transfer.js';

const template = buildExampleRollup({ accounts: 4, seed: 11 });

/** Four accounts with about a million each; the same for every call, with a tree of its own. */
export function exampleRollup(): ExampleRollup {
  const tree = new AccountTree();
  for (const index of template.indices) tree.set(index, template.tree.get(index)!);
  return { ...template, tree };
}

/** What a transfer in a test consists of; accounts are given by their order in the rollup. */
export type Order = { from: number; to: number; amount: bigint; nonce?: bigint };

/** Signs an order with the sender's key, with the sender's nonce unless the order has one. */
export function signOrder({ tree, indices, privateKeys }: ExampleRollup, order: Order): SignedTransfer {
  const from = indices[order.from]!;
  const nonce = order.nonce ?? tree.get(from)!.nonce;
  return signTransfer(privateKeys.get(from)!, { from, to: indices[order.to]!, amount: order.amount, nonce });
}

const modulo = (value: bigint) => ((value % FIELD_MODULUS) + FIELD_MODULUS) % FIELD_MODULUS;

/** Applies a transfer to the tree in the field's arithmetic, whatever it says, and returns what the circuit sees. */
export function forceTransfer(tree: AccountTree, transfer: SignedTransfer): TransferStep {
  const sender = tree.get(transfer.from)!;
  const senderSiblings = tree.siblings(transfer.from);
  const debited = modulo(sender.balance - transfer.amount);
  tree.set(transfer.from, { ...sender, balance: debited, nonce: modulo(sender.nonce + 1n) });
  const receiver = tree.get(transfer.to)!;
  const receiverSiblings = tree.siblings(transfer.to);
  tree.set(transfer.to, { ...receiver, balance: modulo(receiver.balance + transfer.amount) });
  return { transfer, sender, senderSiblings, receiver, receiverSiblings };
}

/** The circuit's input for one or two transfers, all roots and the commitment in keeping with them, nothing checked. */
export function forceChunk(tree: AccountTree, transfers: readonly SignedTransfer[]): ChunkWitnessInput {
  const pre = tree.root();
  const steps = transfers.map((transfer) => forceTransfer(tree, transfer));
  return chunkWitnessInput(pre, tree.root(), steps);
}
