import { beforeAll, expect, it } from 'vitest';
import { checkClaims, loadSecp256k1 } from '#auditor/signatureBatch.js';
import type { SignedClaim } from '#market/entrySignatures.js';
import { checkSigner } from '#protocol/signature.js';
import type { Hex } from '#protocol/units.js';
import { party } from '../setup/marketDriver.js';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const claims: SignedClaim[] = [];
beforeAll(async () => {
  await loadSecp256k1();
  for (let number = 0; number < 150; number += 1) {
    const one = party(number % 7);
    const message = { prover: one.address, owner: one.address, name: `n${number}`, issuedAtMs: number };
    claims.push({ ...(await one.sign('ProverRegistration', message as never)), account: one.address });
  }
});

const strict = (list: SignedClaim[]) =>
  list.map(({ digest, signature, account }) => checkSigner(digest, signature, account));
const hex = (value: bigint) => value.toString(16).padStart(64, '0');

it('accepts what the strict check accepts', () => {
  expect(checkClaims(claims)).toEqual(claims.map(() => null));
  expect(checkClaims([])).toEqual([]);
});

it('finds each bad one among good ones, with the code of the strict check', () => {
  const bend: ((claim: SignedClaim) => SignedClaim)[] = [
    (one) => ({ ...one, account: party(99).address }),
    (one) => ({ ...one, account: claims[3]!.account === one.account ? claims[4]!.account : claims[3]!.account }),
    (one) => ({ ...one, digest: claims[9]!.digest }),
    (one) => ({ ...one, signature: claims[9]!.signature }),
    (one) => ({
      ...one,
      signature: `${one.signature.slice(0, 130)}${one.signature.endsWith('1b') ? '1c' : '1b'}` as Hex,
    }),
    (one) => ({ ...one, signature: `0x${'00'.repeat(64)}1b` }),
    (one) => ({ ...one, signature: `0x${'ff'.repeat(64)}1b` }),
    (one) => ({ ...one, signature: `0x${hex(5n)}${one.signature.slice(66)}` as Hex }),
    (one) => ({ ...one, signature: `${one.signature.slice(0, 130)}1d` as Hex }),
    (one) => ({ ...one, signature: '0x' }),
    // The other root of the same signature: s in the upper half, v the other one. Mathematically it holds.
    (one) => {
      const s = hex(ORDER - BigInt(`0x${one.signature.slice(66, 130)}`));
      return {
        ...one,
        signature: `${one.signature.slice(0, 66)}${s}${one.signature.endsWith('1b') ? '1c' : '1b'}` as Hex,
      };
    },
  ];
  for (const [number, change] of bend.entries()) {
    const place = (number * 13) % claims.length;
    const bent = claims.with(place, change(claims[place]!));
    const codes = checkClaims(bent);
    expect(codes).toEqual(strict(bent));
    expect(codes.filter((code) => code !== null)).toHaveLength(1);
  }
});

it('does not let two wrongs make a right', () => {
  const [a, b] = [claims[0]!, claims[7]!];
  expect(a.account).toBe(b.account);
  const bent = claims.with(0, { ...a, digest: b.digest }).with(7, { ...b, digest: a.digest });
  expect(checkClaims(bent).flatMap((code, place) => (code ? [place] : []))).toEqual([0, 7]);
});
