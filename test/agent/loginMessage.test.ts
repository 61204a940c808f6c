import fc from 'fast-check';
import { createSiweMessage } from 'viem/siwe';
import { expect, it } from 'vitest';
import { loginMessage } from '#agent/client/loginMessage.js';
import type { Address } from '#protocol/units.js';

it('is what viem makes of the same fields', () => {
  const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => {
    return `0x${Buffer.from(bytes).toString('hex')}` as Address;
  });
  const baseUrl = fc.constantFrom(
    'http://127.0.0.1:8787',
    'https://market.example',
    'http://localhost:1',
    'https://a.b.example:8443',
  );
  const cases = fc.record({
    ...{
      address,
      baseUrl,
      chainId: fc.integer({ min: 1, max: 2 ** 40 }),
      nonce: fc.stringMatching(/^[a-zA-Z0-9]{8,32}$/),
    },
    issuedAtMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  });
  fc.assert(
    fc.property(cases, ({ baseUrl, issuedAtMs, ...fields }) => {
      const [uri, issuedAt] = [baseUrl, new Date(issuedAtMs)];
      const domain = new URL(uri).host;
      expect(loginMessage({ baseUrl, issuedAtMs, ...fields })).toBe(
        createSiweMessage({ ...fields, domain, uri, version: '1', issuedAt }),
      );
    }),
  );
});
