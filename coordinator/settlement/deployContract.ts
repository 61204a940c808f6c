import { encodeDeployData, keccak256, type PrivateKeyAccount, zeroAddress } from 'viem';
import type { Address, Hex } from '#protocol/units.js';
import { notFound } from './chainCalls.js';
import type { ChainClient } from './chainClient.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';
import { SETTLEMENT_BYTECODE } from './contracts/settlementBytecode.js';

/** What is fixed for ever at the deployment. */
export interface DeploymentTerms {
  /** The ERC-20 that it is to hold; null for the chain's own coin. */
  token: Address | null;
  /** The coordinator's address: signs vouchers, posts roots, commits job sets. */
  coordinator: Address;
  /** Without a root for so long, everybody may leave by the last one. */
  exitDelaySec: number;
  /** A successor of the coordinator comes into office so long after it is announced. */
  rotationDelaySec: number;
}

/** Where the contract is. */
export interface Deployment {
  chainId: number;
  contract: Address;
  deployBlock: number;
}

/**
 * Deploys the settlement contract, paid by `key`, and waits for its block.
 * @param pause - between two looks for the receipt
 */
export async function deployContract(
  chain: ChainClient,
  key: PrivateKeyAccount,
  { token, coordinator, exitDelaySec, rotationDelaySec }: DeploymentTerms,
  pause: () => Promise<void>,
): Promise<Deployment> {
  const args = [token ?? zeroAddress, coordinator, BigInt(exitDelaySec), BigInt(rotationDelaySec)] as const;
  const data = encodeDeployData({ abi: SETTLEMENT_ABI, bytecode: SETTLEMENT_BYTECODE, args });
  const { raw, chainId } = await chain.use(async (client) => {
    const [id, nonce, gas, fees] = await Promise.all([
      client.getChainId(),
      client.getTransactionCount({ address: key.address, blockTag: 'pending' }),
      client.estimateGas({ account: key.address, data }),
      client.estimateFeesPerGas(),
    ]);
    const request = { type: 'eip1559' as const, chainId: id, data, nonce, gas: (gas * 120n) / 100n, ...fees };
    return { raw: (await key.signTransaction(request)) as Hex, chainId: id };
  });
  await chain.use((client) => client.sendRawTransaction({ serializedTransaction: raw }));
  const hash = keccak256(raw);
  for (;;) {
    const receipt = await chain.use((client) => client.getTransactionReceipt({ hash }).catch(notFound));
    if (receipt?.status === 'reverted') throw new Error('the deployment was reverted: is the token a token?');
    if (receipt) {
      const contract = receipt.contractAddress!.toLowerCase() as Address;
      return { chainId, contract, deployBlock: Number(receipt.blockNumber) };
    }
    await pause();
  }
}
