/** Scalars by digits of some bits each, from -2^(bits-1) to 2^(bits-1) - 1: half as many buckets as without a sign. */

/** Bytes of a scalar, little-endian; any value of them is one, above the group's order too. */
export const SCALAR_BYTES = 32;
/** Words of a scalar with room for what its highest digit carries. */
const WORDS = 10;

/** How many digits a scalar has. */
export function digitsOf(bits: number): number {
  return Math.floor((8 * SCALAR_BYTES) / bits) + 1;
}

/**
 * Scalars prepared so that each digit can be read alone: to every digit 2^(bits-1) is added, and what is carried, before
 * the first is read, and taken off again as it is read.
 */
export class SignedDigits {
  readonly #words: Uint32Array;
  readonly #count: number;
  readonly #bits: number;

  /**
   * @param scalars - SCALAR_BYTES each
   * @param isSkipped - whose digits are all 0
   */
  constructor(scalars: Uint8Array, bits: number, isSkipped: (index: number) => boolean) {
    const given = new Uint32Array(scalars.slice().buffer);
    const offset = offsetWords(bits);
    this.#count = scalars.length / SCALAR_BYTES;
    this.#bits = bits;
    this.#words = new Uint32Array(this.#count * WORDS);
    for (let i = 0; i < this.#count; i++) {
      let carry = 0;
      const skipped = isSkipped(i);
      for (let w = 0; w < WORDS; w++) {
        const word = skipped || w >= SCALAR_BYTES / 4 ? 0 : given[(i * SCALAR_BYTES) / 4 + w]!;
        const sum = word + offset[w]! + carry;
        this.#words[i * WORDS + w] = sum;
        carry = sum > 0xffff_ffff ? 1 : 0;
      }
    }
  }

  /** Writes one digit of every scalar, the lowest being number 0. */
  read(digit: number, into: Int32Array): void {
    const at = digit * this.#bits;
    const [word, shift] = [at >>> 5, at & 31];
    const [mask, half] = [2 ** this.#bits - 1, 2 ** (this.#bits - 1)];
    const words = this.#words;
    for (let i = 0; i < into.length; i++) {
      const low = words[i * WORDS + word]! >>> shift;
      const high = shift === 0 ? 0 : words[i * WORDS + word + 1]! << (32 - shift);
      into[i] = ((low | high) & mask) - half;
    }
  }
}

function offsetWords(bits: number): number[] {
  let offset = 0n;
  for (let digit = 0; digit < digitsOf(bits); digit++) offset += 1n << BigInt(digit * bits + bits - 1);
  return Array.from({ length: WORDS }, (_, w) => Number((offset >> BigInt(32 * w)) & 0xffff_ffffn));
}
