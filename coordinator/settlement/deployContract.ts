import { encodeDeployData, zeroAddress } from 'viem';
import type { Address } from '#protocol/units.js';
import type { ChainClient } from './chainClient.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';
import { SETTLEMENT_BYTECODE } from './contracts/settlementBytecode.js';
import { type SendingKey, sendAs } from './sendAs.js';

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
  key: SendingKey,
  { token, coordinator, exitDelaySec, rotationDelaySec }: DeploymentTerms,
  pause: () => Promise<void>,
): Promise<Deployment> {
  const args = [token ?? zeroAddress, coordinator, BigInt(exitDelaySec), BigInt(rotationDelaySec)] as const;
  const data = encodeDeployData({ abi: SETTLEMENT_ABI, bytecode: SETTLEMENT_BYTECODE, args });
  const receipt = await sendAs(chain, key, { data }, pause);
  const contract = receipt.contractAddress!.toLowerCase() as Address;
  return { chainId: await chain.chainId(), contract, deployBlock: Number(receipt.blockNumber) };
}
