import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockBuilder, writeBlockFile } from '#circuits/blockBuilder.js';
import { buildExampleBlock, type ExampleRollup } from '#circuits/exampleBlock.js';
import { signTransfer } from '#circuits/transferSigner.js';
import { type SplitRejectionCode, splitBlock } from '#market/splitBlock.js';
import type { Account } from '#protocol/rollup/account.js';
import { BASE_POINT, SUBGROUP_ORDER } from '#protocol/rollup/babyJubjub.js';
import { type BlockFile, blockFileSchema } from '#protocol/rollup/blockFile.js';
import { type ChunkWitnessInput, chunkWitnessInputSchema } from '#protocol/rollup/chunkWitness.js';
import { FIELD_MODULUS, UINT64_MAX } from '#protocol/rollup/fieldElement.js';
import type { SignedTransfer } from '#protocol/rollup/transfer.js';
import { exampleRollup, forceChunk, type Order, signOrder } from './exampleChunk.js';
import { generateWitness } from './witnessGenerator.js';

/** A block of valid transfers between four accounts: plain ones, one to oneself, an odd number. */
function exampleBlock(prepare: (rollup: ExampleRollup) => void = () => {}): BlockFile {
  const rollup = exampleRollup();
  prepare(rollup);
  const builder = new BlockBuilder(rollup.tree);
  for (const [from, to, amount] of [
    [0, 1, 1_000n],
    [1, 2, 5n],
    [2, 2, 7n],
    [0, 3, 0n],
    [3, 0, 9n],
  ] as const) {
    builder.add(signOrder(rollup, { from, to, amount }));
  }
  return builder.finish();
}

type Edit = (block: BlockFile) => void;
const valid = exampleBlock();
const edited = (edit: Edit, block = valid): BlockFile => {
  const copy = structuredClone(block);
  edit(copy);
  return copy;
};

/** Sets one account of the rollup and makes the block as if it had always been so. */
const withAccount = (place: number, change: Partial<Account>) => (rollup: ExampleRollup) => {
  const index = rollup.indices[place]!;
  rollup.tree.set(index, { ...rollup.tree.get(index)!, ...change });
};

/** Signs transfer `i` anew after a change. */
const resigned = (i: number, change: { amount?: bigint; nonce?: bigint; to?: number }) => (block: BlockFile) => {
  const { from, to, amount, nonce } = block.transfers[i]!;
  const wanted = { from, to, amount: BigInt(amount), nonce: BigInt(nonce), ...change };
  const key = exampleRollup().privateKeys.get(from)!;
  const { signature } = signTransfer(key, wanted);
  block.transfers[i] = {
    ...{ from, to: wanted.to, amount: `${wanted.amount}`, nonce: `${wanted.nonce}` },
    signature: { r8: [`${signature.r8[0]}`, `${signature.r8[1]}`], s: `${signature.s}` },
  };
};

const plusOne = (text: string) => `${(BigInt(text) + 1n) % FIELD_MODULUS}`;

/** Code, transfer and description of a bad block, and the block. */
type Fault = [SplitRejectionCode, number | null, string, BlockFile];

function transferFaults(): Fault[] {
  return [
    [
      'badSignature',
      1,
      'another s',
      edited((b) => (b.transfers[1]!.signature.s = plusOne(b.transfers[1]!.signature.s))),
    ],
    [
      'badSignature',
      1,
      's plus the order',
      edited((b) => {
        const { signature } = b.transfers[1]!;
        signature.s = `${BigInt(signature.s) + SUBGROUP_ORDER}`;
      }),
    ],
    [
      'badSignature',
      0,
      'another r8',
      edited((b) => (b.transfers[0]!.signature.r8 = [`${BASE_POINT[0]}`, `${BASE_POINT[1]}`])),
    ],
    ['badSignature', 0, 'r8 off the curve', edited((b) => (b.transfers[0]!.signature.r8 = ['1', '1']))],
    ['badSignature', 2, 'another amount', edited((b) => (b.transfers[2]!.amount = '8'))],
    ['badSignature', 2, 'another receiver', edited((b) => (b.transfers[2]!.to = b.transfers[0]!.to))],
    ['badNonce', 3, 'the nonce used before', edited(resigned(3, { nonce: 0n }))],
    ['badNonce', 0, 'a nonce to come', edited(resigned(0, { nonce: 1n }))],
    ['badNonce', 1, 'a transfer twice', edited((b) => (b.transfers[1] = b.transfers[0]!))],
    ['overdraft', 1, 'more than there is', edited(resigned(1, { amount: UINT64_MAX }))],
    ['overflow', 1, 'more than fits', exampleBlockThatOverflows()],
    ['nonceExhausted', 0, 'the last nonce', edited(resigned(0, { nonce: UINT64_MAX }), exhausted())],
    ['unknownSender', 0, 'a sender that is not there', edited((b) => (b.transfers[0]!.from = 0))],
    ['unknownReceiver', 0, 'a receiver that is not there', edited((b) => (b.transfers[0]!.to = 0))],
  ];
}

function blockFaults(): Fault[] {
  return [
    ['wrongPostStateRoot', null, 'another end', edited((b) => (b.postStateRoot = plusOne(b.postStateRoot)))],
    ['wrongPostStateRoot', null, 'a transfer left out', edited((b) => b.transfers.pop())],
    ['wrongPreStateRoot', null, 'another start', edited((b) => (b.preStateRoot = plusOne(b.preStateRoot)))],
    [
      'wrongPreStateRoot',
      null,
      'more money',
      edited((b) => (b.accounts[0]!.balance = plusOne(b.accounts[0]!.balance))),
    ],
    ['wrongPreStateRoot', null, 'another key', edited((b) => (b.accounts[1]!.key = b.accounts[0]!.key))],
    ['wrongPreStateRoot', null, 'another sibling', edited((b) => (b.siblings[9] = plusOne(b.siblings[9]!)))],
    ['badSiblings', null, 'a sibling too few', edited((b) => b.siblings.pop())],
    ['badSiblings', null, 'a sibling too many', edited((b) => b.siblings.push('0'))],
    ['badKey', 0, 'a key of small order', exampleBlockWithKey([0n, 1n])],
    ['badKey', 0, 'a key off the curve', exampleBlockWithKey([1n, 1n])],
    ['malformed', null, 'an unknown field', edited((b) => Object.assign(b, { extra: 1 }))],
    ['malformed', null, 'an account twice', edited((b) => b.accounts.unshift(b.accounts[0]!))],
    ['malformed', null, 'no transfers', edited((b) => (b.transfers = []))],
    ['malformed', 2, 'an index of 2^16', edited((b) => (b.transfers[2]!.to = 65_536))],
    ['malformed', 2, 'an amount of 2^64', edited((b) => (b.transfers[2]!.amount = `${2n ** 64n}`))],
    ['malformed', 2, 'an amount plus the modulus', edited((b) => (b.transfers[2]!.amount = `${7n + FIELD_MODULUS}`))],
    ['malformed', 2, 'a negative amount', edited((b) => (b.transfers[2]!.amount = '-1'))],
    ['malformed', 2, 'a leading zero', edited((b) => (b.transfers[2]!.amount = '07'))],
    ['malformed', 2, 'a hexadecimal amount', edited((b) => (b.transfers[2]!.amount = '0x7'))],
    [
      'malformed',
      1,
      's plus the modulus',
      edited((b) => (b.transfers[1]!.signature.s = `${BigInt(b.transfers[1]!.signature.s) + FIELD_MODULUS}`)),
    ],
    ['malformed', null, 'a root of 77 letters', edited((b) => (b.preStateRoot = 'x'.repeat(77)))],
    ['malformed', null, 'a root of five million digits', edited((b) => (b.preStateRoot = '9'.repeat(5_000_000)))],
    ['malformed', null, 'a root of the modulus', edited((b) => (b.preStateRoot = `${FIELD_MODULUS}`))],
  ];
}

describe('splitBlock', () => {
  it('cuts a valid block into jobs whose roots chain and whose inputs the circuit accepts', () => {
    const block = exampleBlock();
    const result = splitBlock(JSON.parse(writeBlockFile(block)));
    if (!result.ok) throw new Error(result.detail);
    expect(result.jobs.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(result.jobs[0]!.publicSignals[0]).toBe(block.preStateRoot);
    expect(result.jobs[2]!.publicSignals[1]).toBe(block.postStateRoot);
    for (const [i, job] of result.jobs.entries()) {
      if (i > 0) expect(job.publicSignals[0]).toBe(result.jobs[i - 1]!.publicSignals[1]);
      expect(chunkWitnessInputSchema.parse(job.witnessInput)).toEqual(job.witnessInput);
      expect(generateWitness(job.witnessInput)!.slice(1, 4).map(String)).toEqual(job.publicSignals);
    }
    expect(result.jobs.map((job) => job.witnessInput.enabled[1])).toEqual(['1', '1', '0']);
  });

  it.each([...transferFaults(), ...blockFaults()])('answers %s at %s for %s', (code, transferIndex, _, block) => {
    expect(splitBlock(block)).toMatchObject({ ok: false, code, transferIndex });
  });

  it.each([null, 7, 'block', [], {}, JSON.parse('{"__proto__": {}}')])('answers malformed for %j', (value) => {
    expect(splitBlock(value)).toMatchObject({ ok: false, code: 'malformed' });
  });
});

function exampleBlockThatOverflows(): BlockFile {
  const full = withAccount(2, { balance: UINT64_MAX - 4n });
  const rollup = exampleRollup();
  full(rollup);
  const builder = new BlockBuilder(rollup.tree);
  builder.add(signOrder(rollup, { from: 0, to: 1, amount: 1_000n }));
  builder.add(signOrder(rollup, { from: 1, to: 2, amount: 4n }));
  expect(() => builder.add(signOrder(rollup, { from: 0, to: 2, amount: 1n }))).toThrow('2^64');
  return edited(resigned(1, { amount: 5n }), builder.finish());
}

/** A block whose first sender stands at the last nonce but is told so only by its leaf. */
function exhausted(): BlockFile {
  const rollup = exampleRollup();
  withAccount(0, { nonce: UINT64_MAX })(rollup);
  const preStateRoot = `${rollup.tree.root()}`;
  const block = exampleBlock();
  block.accounts.find(({ index }) => index === rollup.indices[0])!.nonce = `${UINT64_MAX}`;
  return { ...block, preStateRoot };
}

function exampleBlockWithKey(key: Account['key']): BlockFile {
  return exampleBlock(withAccount(0, { key }));
}

/** A block file of these transfers and the circuit's inputs for it, made without a check, whatever they lead to. */
function forceBlock(rollup: ExampleRollup, transfers: readonly SignedTransfer[]) {
  const { tree } = rollup;
  const indices = [...rollup.indices].sort((a, b) => a - b);
  const pre = {
    preStateRoot: `${tree.root()}`,
    accounts: indices.map((index) => {
      const { key, balance, nonce } = tree.get(index)!;
      return { index, key: [`${key[0]}`, `${key[1]}`] as [string, string], balance: `${balance}`, nonce: `${nonce}` };
    }),
    siblings: tree.siblingHashes(indices).map(String),
  };
  const chunks: ChunkWitnessInput[] = [];
  for (let i = 0; i < transfers.length; i += 2) chunks.push(forceChunk(tree, transfers.slice(i, i + 2)));
  const block: BlockFile = {
    format: 'understudy-block-1',
    ...pre,
    postStateRoot: `${tree.root()}`,
    transfers: transfers.map(({ from, to, amount, nonce, signature: { r8, s } }) => ({
      ...{ from, to, amount: `${amount}`, nonce: `${nonce}` },
      signature: { r8: [`${r8[0]}`, `${r8[1]}`], s: `${s}` },
    })),
  };
  return { block, chunks };
}

describe('splitBlock and the circuit', () => {
  const edge = (...values: bigint[]) => fc.constantFrom(...values);
  const account = fc.record({
    balance: edge(0n, 1n, 10n, 1_000n, 2n ** 63n, UINT64_MAX - 1n, UINT64_MAX),
    nonce: edge(0n, 0n, 5n, UINT64_MAX - 1n, UINT64_MAX),
  });
  const order = fc.record({
    from: fc.nat(3),
    to: fc.nat(3),
    amount: edge(0n, 1n, 1n, 9n, 10n, 11n, 2n ** 63n, UINT64_MAX),
    nonceOffset: fc.constantFrom(0n, 0n, 0n, 0n, 0n, 0n, 0n, 1n),
    fault: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 's', 'order', 'r8', 'amount', 'to'),
  });

  it('say the same of any block', () => {
    const verdicts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.array(account, { minLength: 4, maxLength: 4 }),
        fc.array(order, { minLength: 1, maxLength: 3 }),
        (accounts, orders) => {
          const rollup = exampleRollup();
          for (const [place, change] of accounts.entries()) withAccount(place, change)(rollup);
          const signed = signAll(rollup, accounts, orders);
          const { block, chunks } = forceBlock(rollup, signed);
          const accepted = chunks.every((chunk) => generateWitness(chunk) !== undefined);
          verdicts[accepted ? 'accepted' : 'refused']++;
          const result = splitBlock(block);
          expect(result.ok).toBe(accepted);
          if (result.ok) expect(result.jobs.map((job) => job.witnessInput)).toEqual(chunks);
        },
      ),
      { numRuns: 60, seed: 20_260_101 },
    );
    expect(Math.min(verdicts.accepted, verdicts.refused)).toBeGreaterThan(5);
  });

  type Drawn = { from: number; to: number; amount: bigint; nonceOffset: bigint; fault: string };

  /** Signs the orders with running nonces, then puts the faults in. */
  function signAll(rollup: ExampleRollup, accounts: { nonce: bigint }[], orders: Drawn[]): SignedTransfer[] {
    const nonces = accounts.map(({ nonce }) => nonce);
    return orders.map(({ nonceOffset, fault, ...order }) => {
      const nonce = nonces[order.from]! + nonceOffset;
      const signed = signOrder(rollup, { ...order, nonce: nonce > UINT64_MAX ? 0n : nonce });
      nonces[order.from]!++;
      const { signature } = signed;
      if (fault === 's') return { ...signed, signature: { ...signature, s: (signature.s + 1n) % SUBGROUP_ORDER } };
      if (fault === 'order') return { ...signed, signature: { ...signature, s: signature.s + SUBGROUP_ORDER } };
      if (fault === 'r8') return { ...signed, signature: { ...signature, r8: BASE_POINT } };
      if (fault === 'amount') return { ...signed, amount: signed.amount === 0n ? 1n : signed.amount - 1n };
      if (fault === 'to') return { ...signed, to: rollup.indices[(order.to + 1) % 4]! };
      return signed;
    });
  }
});

describe('the block builder', () => {
  it('makes the same bytes of the same seed, which the schema reads back and splitBlock accepts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(1_000_000), (transfers, seed) => {
        const block = buildExampleBlock({ transfers, seed });
        const bytes = writeBlockFile(block);
        expect(writeBlockFile(buildExampleBlock({ transfers, seed }))).toBe(bytes);
        expect(blockFileSchema.parse(JSON.parse(bytes))).toEqual(block);
        expect(splitBlock(block).ok).toBe(true);
      }),
      { numRuns: 5, seed: 20_260_102 },
    );
  });

  it.each<[string, Order, string]>([
    ['an overdraft', { from: 0, to: 1, amount: UINT64_MAX }, 'less than'],
    ['a wrong nonce', { from: 0, to: 1, amount: 1n, nonce: 1n }, 'nonce'],
  ])('refuses %s and leaves the tree as it was', (_, order, message) => {
    const rollup = exampleRollup();
    const root = rollup.tree.root();
    const builder = new BlockBuilder(rollup.tree);
    expect(() => builder.add(signOrder(rollup, order))).toThrow(message);
    expect(rollup.tree.root()).toBe(root);
    expect(() => builder.finish()).toThrow('at least one');
  });

  it('gives each place of the tree to one account', () => {
    const { tree, indices } = exampleRollup();
    expect(() => tree.open(indices[0]!, BASE_POINT, 0n)).toThrow('exists');
    expect(() => tree.open(65_536, BASE_POINT, 0n)).toThrow('no place');
  });
});
