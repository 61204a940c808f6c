/** A party's key and what it signs. */
import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { CommandOf } from '#market/command.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';

/** The domain of all simulated markets. */
export const DOMAIN: SigningDomain = { chainId: 31_337, coordinatorId: `0x${'5a'.repeat(32)}` };

/** What parties send. */
export type PartyCommand = CommandOf<
  | 'registerProver'
  | 'requestChallenge'
  | 'submitChallenge'
  | 'submitBlock'
  | 'withdrawBlock'
  | 'placeBid'
  | 'commitBid'
  | 'openBid'
  | 'submitProof'
  | 'commitToPool'
  | 'giveUp'
>;

/** Somebody with an account. */
export interface Party {
  address: Address;
  sign<Type extends MessageType>(type: Type, message: Messages[Type]): { digest: Hex; signature: Hex };
}

const NO_SIGNATURE: Hex = `0x${'00'.repeat(65)}`;
const addresses = new Map<number, Address>();

/**
 * The party with a number.
 * @param number - from 1; its private key is this number, so it is the same in every run
 * @param signed - whether it really signs, which takes a millisecond a message, or leaves the signature blank
 */
export function partyOf(number: number, signed: boolean): Party {
  const privateKey = hexToBytes(number.toString(16).padStart(64, '0'));
  let address = addresses.get(number);
  if (!address) {
    const publicKey = secp256k1.getPublicKey(privateKey, false).slice(1);
    address = `0x${bytesToHex(keccak_256(publicKey).slice(12))}`;
    addresses.set(number, address);
  }
  return {
    address,
    sign(type, message) {
      const digest = digestOf(DOMAIN, type, message);
      return { digest, signature: signed ? signatureOf(digest, privateKey) : NO_SIGNATURE };
    },
  };
}

function signatureOf(digest: Hex, privateKey: Uint8Array): Hex {
  const signature = secp256k1.sign(digest.slice(2), privateKey);
  return `0x${signature.toCompactHex()}${(27 + signature.recovery).toString(16)}`;
}
