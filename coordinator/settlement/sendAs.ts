import { keccak256, type PrivateKeyAccount, type TransactionReceipt } from 'viem';
import type { Address, Hex } from '#protocol/units.js';
import { notFound } from './chainCalls.js';
import type { ChainClient } from './chainClient.js';
import { sendRefusal } from './chainErrors.js';

/** What an account sends; without `to` it deploys `data`. */
export interface Sending {
  to?: Address;
  data: Hex;
  valueWei?: bigint;
}

/**
 * Sends one transaction of an account at a terminal and looks for its receipt until there is one. The node tries it out
 * first: what the contract would refuse is thrown and costs nothing.
 *
 * @param pause - between two looks
 */
export async function sendAs(
  chain: Pick<ChainClient, 'use'>,
  key: PrivateKeyAccount,
  { to, data, valueWei = 0n }: Sending,
  pause: () => Promise<void>,
): Promise<TransactionReceipt> {
  const raw = await chain.use(async (client) => {
    const what = { data, value: valueWei, ...(to && { to }) };
    const [chainId, nonce, gas, fees] = await Promise.all([
      client.getChainId(),
      client.getTransactionCount({ address: key.address, blockTag: 'pending' }),
      client.estimateGas({ account: key.address, ...what }),
      client.estimateFeesPerGas(),
    ]);
    const request = { type: 'eip1559' as const, chainId, nonce, gas: (gas * 120n) / 100n, ...what };
    const { maxFeePerGas, maxPriorityFeePerGas } = fees;
    return (await key.signTransaction({ ...request, maxFeePerGas, maxPriorityFeePerGas })) as Hex;
  });
  const hash = keccak256(raw);
  await chain.use((client) =>
    client.sendRawTransaction({ serializedTransaction: raw }).catch((error: unknown) => {
      if (sendRefusal(error) !== 'known') throw error;
    }),
  );
  for (;;) {
    const receipt = await chain.use((client) => client.getTransactionReceipt({ hash }).catch(notFound));
    if (receipt?.status === 'reverted') throw new Error(`the transaction ${hash} was reverted`);
    if (receipt) return receipt;
    await pause();
  }
}
