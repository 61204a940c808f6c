import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, randomBytes } from '@noble/hashes/utils.js';
import { bytesOf } from '#protocol/signature.js';
import type { Address, Hex } from '#protocol/units.js';

/** An account that can sign. The private key stays inside: nothing that prints the object can show it. */
export interface Account {
  readonly address: Address;
  /** Signs 32 bytes: r, s in the lower half, v of 27 or 28, as the market takes it. */
  signDigest(digest: Hex): Hex;
  /** Signs a text by EIP-191 (`personal_sign`). */
  signText(text: string): Hex;
}

/** Draws a private key from the system's randomness. */
export function newPrivateKey(): Hex {
  return `0x${bytesToHex(secp256k1.utils.randomPrivateKey())}`;
}

/** 32 random bytes: salts of bids. */
export function randomBytes32(): Hex {
  return `0x${bytesToHex(randomBytes(32))}`;
}

/**
 * The account of a private key. Throws RangeError when it is none; the message does not hold it.
 * @param privateKey - 0x and 64 hexadecimal digits
 */
export function accountOf(privateKey: string): Account {
  if (!/^0x[0-9a-fA-F]{64}$/.test(privateKey) || !secp256k1.utils.isValidPrivateKey(privateKey.slice(2))) {
    throw new RangeError('not a private key: expected 0x and 64 hexadecimal digits');
  }
  const secret = bytesOf(privateKey as Hex);
  const publicKey = secp256k1.getPublicKey(secret, false).slice(1);
  const address: Address = `0x${bytesToHex(keccak_256(publicKey).slice(-20))}`;
  const signDigest = (digest: Hex): Hex => {
    const signature = secp256k1.sign(bytesOf(digest), secret, { lowS: true });
    return `0x${signature.toCompactHex()}${(27 + signature.recovery).toString(16)}`;
  };
  const signText = (text: string): Hex => {
    const bytes = new TextEncoder().encode(text);
    const prefix = new TextEncoder().encode(`\x19Ethereum Signed Message:\n${bytes.length}`);
    return signDigest(`0x${bytesToHex(keccak_256(new Uint8Array([...prefix, ...bytes])))}`);
  };
  return { address, signDigest, signText };
}
