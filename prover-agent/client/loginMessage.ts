import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Address } from '#protocol/units.js';

/**
 * The text that an account signs to log in: EIP-4361, for the host of the coordinator's address and the chain of its
 * market. Written here because the library for it would be half of what an agent installs.
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
  const { baseUrl, address, chainId, nonce, issuedAtMs } = options;
  return [
    `${new URL(baseUrl).host} wants you to sign in with your Ethereum account:`,
    checksummed(address),
    '',
    '',
    `URI: ${baseUrl}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date(issuedAtMs).toISOString()}`,
  ].join('\n');
}

/** An address in the capitals of EIP-55. */
function checksummed(address: Address): string {
  const plain = address.slice(2).toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(plain)));
  const letters = [...plain].map((letter, index) =>
    Number.parseInt(hash[index]!, 16) >= 8 ? letter.toUpperCase() : letter,
  );
  return `0x${letters.join('')}`;
}
