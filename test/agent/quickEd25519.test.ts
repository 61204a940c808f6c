import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quickEd25519 } from '#agent/client/quickEd25519.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('quickEd25519', () => {
  it('answers as verifyEd25519 does, the first time and later', () => {
    let [good, bad] = [0, 0];
    const property = fc.property(
      bytes(32),
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(511),
      fc.boolean(),
      (secret, message, bit, isAltered) => {
        const publicKey = ed25519.getPublicKey(secret);
        const signature = ed25519.sign(message, secret);
        if (isAltered) signature[bit >> 3]! ^= 1 << (bit & 7);
        for (let turn = 0; turn < 3; turn += 1) {
          expect(quickEd25519(publicKey, message, signature)).toBe(verifyEd25519(publicKey, message, signature));
          expect(quickEd25519(publicKey, message, ed25519.sign(message, secret))).toBe(true);
        }
        if (isAltered) bad += 1;
        else good += 1;
      },
    );
    fc.assert(property, { numRuns: 100 });
    expect(Math.min(good, bad)).toBeGreaterThan(10);
  });

  it('never takes a key of small order, nor input of any other shape', () => {
    const message = new Uint8Array(3);
    const neutral = new Uint8Array(32);
    neutral[0] = 1;
    const forged = new Uint8Array([...neutral, ...new Uint8Array(32)]);
    const secret = new Uint8Array(32).fill(7);
    const publicKey = ed25519.getPublicKey(secret);
    expect(quickEd25519(publicKey, message, ed25519.sign(message, secret))).toBe(true);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(quickEd25519(neutral, message, forged)).toBe(false);
      expect(quickEd25519(publicKey, message, new Uint8Array(63))).toBe(false);
      expect(quickEd25519(publicKey, message, new Uint8Array(0))).toBe(false);
      expect(quickEd25519(new Uint8Array(31), message, forged)).toBe(false);
    }
  });

  it('takes a signature that holds with the cofactor only, as verifyEd25519 does', () => {
    // R moved by a point of order 8: the platform refuses it.
    const { ExtendedPoint: Point } = ed25519;
    const secret = new Uint8Array(32).fill(9);
    const { head, scalar, prefix } = ed25519.utils.getExtendedPublicKey(secret);
    expect(head).toHaveLength(32);
    const publicKey = ed25519.getPublicKey(secret);
    const message = new TextEncoder().encode('a message');
    const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
    const order = ed25519.CURVE.n;
    const nonce = BigInt(`0x${Buffer.from(prefix).toString('hex')}`) % order;
    const moved = Point.BASE.multiply(nonce).add(torsion).toRawBytes();
    const hash = ed25519.CURVE.hash(new Uint8Array([...moved, ...publicKey, ...message]));
    const k = BigInt(`0x${Buffer.from(hash).reverse().toString('hex')}`) % order;
    const s = (nonce + k * scalar) % order;
    const scalarBytes = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
    const signature = new Uint8Array([...moved, ...scalarBytes]);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(verifyEd25519(publicKey, message, signature)).toBe(true);
      expect(quickEd25519(publicKey, message, signature)).toBe(true);
      expect(quickEd25519(publicKey, message, ed25519.sign(message, secret))).toBe(true);
    }
  });
});
