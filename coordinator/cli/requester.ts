/** The requester's side of the market: sign a block request, submit it, wait for its end. */
import type { Account } from '#agent/client/account.js';
import type { BlockTerms } from '#protocol/blockTerms.js';
import type { Client } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { BlockRequest } from '#protocol/messages.js';
import { digestOf } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';
import type { BlockView, MarketView } from '#protocol/views.js';

/** Pause between two looks at a block, in milliseconds. */
const POLL_MS = 500;

/**
 * Signs and submits a block. The nonce is the time in milliseconds, so that it rises by itself; sending the same
 * message again is safe.
 * @returns the block's id
 */
export async function submitBlockFile(
  client: Client,
  market: MarketView,
  requester: Account,
  blockFile: unknown,
  terms: BlockTerms,
): Promise<Hex> {
  const { circuits } = await client.call('listCircuits', {});
  const circuit = circuits.find(({ kind }) => kind === 'transferRollup');
  if (!circuit) throw new Error('this market has no circuit for transfer blocks');
  const { lastNonce } = await client.call('getAccount', { params: { address: requester.address } });
  const message: BlockRequest = {
    requester: requester.address,
    nonce: Math.max(Date.now(), lastNonce + 1),
    circuitId: circuit.circuitId,
    blockHash: contentHashOf(blockFile),
    ...terms,
  };
  const { chainId, coordinatorId } = market;
  const digest = digestOf({ chainId, coordinatorId }, 'BlockRequest', message);
  const body = { message, signature: requester.signDigest(digest), blockFile };
  const { blockId } = await client.call('submitBlock', { body });
  return blockId;
}

/** Waits until every job of a block has ended. `onLook` is told the block at every look. */
export async function waitForBlock(
  client: Client,
  blockId: Hex,
  onLook?: (block: BlockView) => void | Promise<void>,
): Promise<BlockView> {
  for (;;) {
    const block = await client.call('getBlock', { params: { blockId } });
    await onLook?.(block);
    if (block.status === 'completed') return block;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
