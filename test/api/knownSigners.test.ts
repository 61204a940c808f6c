import fc from 'fast-check';
import { sign } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { KnownSigners } from '#api/knownSigners.js';
import { checkSigner } from '#protocol/signature.js';
import type { Hex } from '#protocol/units.js';
import { accountOf } from '../setup/apiMarket.js';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const word = (value: bigint) => value.toString(16).padStart(64, '0');
const digestOf = (seed: number): Hex => `0x${word(BigInt(seed) * 0x9e3779b97f4a7c15f39cc0605cedc835n + 1n)}`;

/** A signature by hand. */
async function signatureOf(digest: Hex, signer: number) {
  const { r, s, v } = await sign({ hash: digest, privateKey: `0x${word(BigInt(signer + 1))}` });
  return { r: BigInt(r), s: BigInt(s), v: Number(v) };
}

const written = ({ r, s, v }: { r: bigint; s: bigint; v: number }): Hex =>
  `0x${word(r)}${word(s)}${v.toString(16).padStart(2, '0')}`;

const BENDS: ((one: { r: bigint; s: bigint; v: number }) => { r: bigint; s: bigint; v: number })[] = [
  (one) => one,
  (one) => ({ ...one, v: 55 - one.v }),
  (one) => ({ ...one, s: ORDER - one.s }),
  (one) => ({ ...one, s: ORDER - one.s, v: 55 - one.v }),
  (one) => ({ ...one, r: one.r + 1n }),
  (one) => ({ ...one, r: 0n }),
  (one) => ({ ...one, s: 0n }),
  (one) => ({ ...one, r: ORDER }),
  (one) => ({ ...one, v: 0 }),
  (one) => ({ ...one, v: 29 }),
];

describe('a known signer', () => {
  it('gets the verdict of the plain check, whatever is done to the signature', async () => {
    const signers = new KnownSigners();
    const address = accountOf(3).address.toLowerCase() as Hex;
    for (let seed = 0; seed < 5; seed += 1) {
      const digest = digestOf(seed);
      expect(signers.check(digest, written(await signatureOf(digest, 3)), address)).toBeNull();
    }
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1_000_000),
        fc.constantFrom(3, 4),
        fc.constantFrom(...BENDS),
        fc.boolean(),
        async (seed, signer, bend, isSameDigest) => {
          const signature = written(bend(await signatureOf(digestOf(seed), signer)));
          const digest = digestOf(isSameDigest ? seed : seed + 1);
          expect(signers.check(digest, signature, address)).toBe(checkSigner(digest, signature, address));
        },
      ),
      { numRuns: 120 },
    );
  });
});
