import { createSiweMessage } from 'viem/siwe';
import type { Address } from '#protocol/units.js';

/**
 * The text that an account signs to log in: EIP-4361, for the host of the coordinator's address and the chain of its
 * market.
 * @param nonce - from `getLoginNonce`
 * @param issuedAtMs - the coordinator's clock, Unix milliseconds
 */
export function loginMessage(options: {
  baseUrl: string;
  address: Address;
  chainId: number;
  nonce: string;
  issuedAtMs: number;
}): string {
  return createSiweMessage({
    domain: new URL(options.baseUrl).host,
    address: options.address,
    uri: options.baseUrl,
    version: '1',
    chainId: options.chainId,
    nonce: options.nonce,
    issuedAt: new Date(options.issuedAtMs),
  });
}
