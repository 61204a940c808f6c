import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Hex } from './units.js';

/** A word of the EVM: an unsigned number below 2^256, or up to 32 bytes of hexadecimal, which is read as a number. */
export type EvmWord = bigint | Hex;

const WORD_LIMIT = 1n << 256n;

/** 64 hexadecimal digits. Throws RangeError when the value is no word. */
function digitsOf(word: EvmWord): string {
  const value = BigInt(word);
  if (value < 0n || value >= WORD_LIMIT) throw new RangeError('a word of the EVM is from 0 to 2^256 - 1');
  return value.toString(16).padStart(64, '0');
}

/** A text of at most 32 ASCII characters as Solidity's `bytes32` constant of it: to the left, zeros behind. */
export function bytes32OfText(text: string): Hex {
  if (!/^[ -~]{1,32}$/.test(text)) throw new RangeError('a text in a word has 1 to 32 ASCII characters');
  return `0x${bytesToHex(new TextEncoder().encode(text)).padEnd(64, '0')}`;
}

/** Keccak-256 of words one behind the other: Solidity's `keccak256(abi.encode(...))` of values of one word each. */
export function keccakOfWords(words: readonly EvmWord[]): Hex {
  return `0x${bytesToHex(keccak_256(hexToBytes(words.map(digitsOf).join(''))))}`;
}
