import fc from 'fast-check';
import { hashTypedData } from 'viem';
import { describe, expect, it } from 'vitest';
import type { MessageType } from '#protocol/messages.js';
import { digestOf, OPTIONAL_TYPED_DATA, TYPED_DATA, typedDataOf } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array): Hex => `0x${Buffer.from(array).toString('hex')}`);

const VALUES: Record<string, fc.Arbitrary<unknown>> = {
  string: fc.string({ unit: 'grapheme', maxLength: 80 }),
  bytes32: hex(32),
  address: hex(20),
  uint64: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  uint256: fc.bigInt({ min: 0n, max: 10n ** 60n }).map(String),
  'uint64[]': fc.array(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { maxLength: 8 }),
  'uint256[]': fc.array(fc.bigInt({ min: 0n, max: 10n ** 60n }).map(String), { maxLength: 8 }),
  'address[]': fc.array(hex(20), { maxLength: 8 }),
};

const messageOf = (type: MessageType) =>
  fc.record(Object.fromEntries(TYPED_DATA[type].map((field) => [field.name, VALUES[field.type]!])));

describe('the digest of a message', () => {
  it.each(Object.keys(TYPED_DATA) as MessageType[])('%s is what viem makes of it', (type) => {
    const domain = fc.record({ chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), coordinatorId: hex(32) });
    fc.assert(
      fc.property(domain, messageOf(type), (signingDomain, message) => {
        const expected = hashTypedData(typedDataOf(signingDomain, type, message as never) as never);
        expect(digestOf(signingDomain, type, message as never)).toBe(expected);
        expect(digestOf(signingDomain, type, message as never)).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('of a message with an optional field is what viem makes of the longer struct', () => {
    const domain = { chainId: 1, coordinatorId: `0x${'aa'.repeat(32)}` as Hex };
    fc.assert(
      fc.property(messageOf('BlockRequest'), (message) => {
        const longer = { ...message, settlement: 'chain' };
        const typed = typedDataOf(domain, 'BlockRequest', longer as never);
        expect(typed.types.BlockRequest).toEqual([...TYPED_DATA.BlockRequest, ...OPTIONAL_TYPED_DATA.BlockRequest!]);
        const digest = digestOf(domain, 'BlockRequest', longer as never);
        expect(digest).toBe(hashTypedData(typed as never));
        expect(digest).not.toBe(digestOf(domain, 'BlockRequest', message as never));
      }),
      { numRuns: 20 },
    );
  });
});
