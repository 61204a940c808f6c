/**
 * The coordinator's vouchers: what an account may have taken out of the settlement contract in all. Cumulative, so that any
 * number of them, in any order, pay no more than the highest. Source: EIP-712, EIP-2098.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Entitlement } from './balanceTree.js';
import { keccakOfWords } from './evmWords.js';
import type { Address, Hex } from './units.js';

/** Where a voucher counts: one contract on one chain. */
export interface SettlementDomain {
  chainId: number;
  contract: Address;
}

/** EIP-712's name and version of the contract's domain. */
export const SETTLEMENT_NAME = 'Understudy settlement';
export const SETTLEMENT_VERSION = '1';

/** The EIP-712 struct of a voucher. */
export const VOUCHER_TYPES = {
  Voucher: [
    { name: 'account', type: 'address' },
    { name: 'cumulativeWei', type: 'uint256' },
  ],
} as const;

const hashOfText = (text: string): Hex => `0x${bytesToHex(keccak_256(utf8ToBytes(text)))}`;
const DOMAIN_TYPE_HASH = hashOfText(
  'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)',
);
const VOUCHER_TYPE_HASH = hashOfText('Voucher(address account,uint256 cumulativeWei)');

/** What viem's `signTypedData` takes to sign a voucher. */
export function voucherTypedData({ chainId, contract }: SettlementDomain, voucher: Entitlement) {
  return {
    domain: { name: SETTLEMENT_NAME, version: SETTLEMENT_VERSION, chainId, verifyingContract: contract },
    types: VOUCHER_TYPES,
    primaryType: 'Voucher' as const,
    message: { account: voucher.account, cumulativeWei: voucher.cumulativeWei },
  };
}

/** The contract's `domainSeparator()`. */
export function settlementDomainSeparator({ chainId, contract }: SettlementDomain): Hex {
  const name = hashOfText(SETTLEMENT_NAME);
  return keccakOfWords([DOMAIN_TYPE_HASH, name, hashOfText(SETTLEMENT_VERSION), BigInt(chainId), contract]);
}

/** The digest that the coordinator signs. */
export function voucherDigest(domain: SettlementDomain, { account, cumulativeWei }: Entitlement): Hex {
  const separator = hexToBytes(settlementDomainSeparator(domain).slice(2));
  const struct = hexToBytes(keccakOfWords([VOUCHER_TYPE_HASH, account, cumulativeWei]).slice(2));
  return `0x${bytesToHex(keccak_256(concatBytes(new Uint8Array([0x19, 0x01]), separator, struct)))}`;
}

/**
 * A signature of 65 bytes in the two words that the contract takes: v's parity is the highest bit of s.
 *
 * @param signature - r, s, v; v 27 or 28 (or 0 or 1), s in the lower half
 * @throws RangeError when it is no such signature
 */
export function compactSignature(signature: Hex): { r: Hex; vs: Hex } {
  const bytes = hexToBytes(signature.slice(2));
  const v = bytes[64]!;
  if (bytes.length !== 65 || ![0, 1, 27, 28].includes(v) || bytes[32]! > 0x7f) {
    throw new RangeError('a signature is r, s in the lower half, and v');
  }
  if (v === 1 || v === 28) bytes[32] = bytes[32]! | 0x80;
  return { r: `0x${bytesToHex(bytes.subarray(0, 32))}`, vs: `0x${bytesToHex(bytes.subarray(32, 64))}` };
}
