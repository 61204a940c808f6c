import { keccak256, type PrivateKeyAccount, type TransactionReceipt } from 'viem';
import type { Address, Hex } from '#protocol/units.js';
import { notFound } from './chainCalls.js';
import type { ChainClient } from './chainClient.js';
import { isProviderFault, messageOf, revertReason, sendRefusal } from './chainErrors.js';
import { contractRefusal } from './contractRefusal.js';

/** How often in a row the chain may not be asked for a receipt before it is given up. */
const FAILURES_MAX = 60;

/** An account that pays for its own transactions. */
export type SendingKey = Pick<PrivateKeyAccount, 'signTransaction'> & { address: Hex };

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
 * @throws ContractRefusalError, and Error when the account cannot pay for gas or another contract refuses
 */
export async function sendAs(
  chain: Pick<ChainClient, 'use'>,
  key: SendingKey,
  { to, data, valueWei = 0n }: Sending,
  pause: () => Promise<void>,
): Promise<TransactionReceipt> {
  const raw = await chain.use(async (client) => {
    const what = { data, value: valueWei, ...(to && { to }) };
    const [chainId, nonce, gas, fees] = await Promise.all([
      client.getChainId(),
      client.getTransactionCount({ address: key.address, blockTag: 'pending' }),
      client.estimateGas({ account: key.address, ...what }).catch((error) => explain(error, key.address)),
      client.estimateFeesPerGas(),
    ]);
    const request = { type: 'eip1559' as const, chainId, nonce, gas: (gas * 120n) / 100n, ...what };
    const { maxFeePerGas, maxPriorityFeePerGas } = fees;
    return (await key.signTransaction({ ...request, maxFeePerGas, maxPriorityFeePerGas })) as Hex;
  });
  const hash = keccak256(raw);
  await chain.use((client) =>
    client.sendRawTransaction({ serializedTransaction: raw }).catch((error: unknown) => {
      if (sendRefusal(error) !== 'known') explain(error, key.address);
    }),
  );
  for (let failures = 0; ; ) {
    let receipt: TransactionReceipt | null = null;
    try {
      receipt = await chain.use((client) => client.getTransactionReceipt({ hash }).catch(notFound));
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures === FAILURES_MAX)
        throw new Error(`${hash} was sent; look for it, for the chain cannot be asked`, { cause: error });
    }
    if (receipt?.status === 'reverted') throw new Error(`the transaction ${hash} was reverted`);
    if (receipt) return receipt;
    await pause();
  }
}

/** What a node says of a transaction that it tried out, in words for whoever sends it. */
function explain(error: unknown, address: Address): never {
  const refusal = contractRefusal(error);
  if (refusal) throw refusal;
  if (sendRefusal(error) === 'insufficientFunds') {
    throw new Error(`${address} has too few coins of the chain for it and its gas: send it some`, { cause: error });
  }
  if (isProviderFault(error)) throw error;
  // Without the address that was asked, which may hold an access key.
  throw new Error(`${revertReason(error) ? 'the chain refuses it: ' : ''}${messageOf(error)}`, { cause: error });
}
