import { describe, expect, it } from 'vitest';
import { buildExampleRollup } from '#circuits/exampleBlock.js';
import { BASE_POINT, SUBGROUP_ORDER } from '#protocol/rollup/babyJubjub.js';
import { type ChunkWitnessInput, chunkWitnessInput } from '#protocol/rollup/chunkWitness.js';
import { FIELD_MODULUS, UINT64_MAX } from '#protocol/rollup/fieldElement.js';
import { pathRoot } from '#protocol/rollup/stateTree.js';
import { transferHash, transfersCommitment } from '#protocol/rollup/transfer.js';
import { exampleRollup, forceChunk, forceTransfer, type Order, signOrder } from './exampleChunk.js';
import { generateWitness, type LooseInput } from './witnessGenerator.js';

const accepts = (input: LooseInput) => generateWitness(input) !== undefined;

/** A chunk of these orders on a fresh rollup, accounts changed beforehand by `prepare`. */
function chunkOf(orders: Order[], prepare?: (rollup: ReturnType<typeof exampleRollup>) => void): ChunkWitnessInput {
  const rollup = exampleRollup();
  prepare?.(rollup);
  const first = signOrder(rollup, orders[0]!);
  if (orders.length === 1) return forceChunk(rollup.tree, [first]);
  const nonces = new Map<number, bigint>([[orders[0]!.from, first.nonce + 1n]]);
  const second = orders[1]!;
  const nonce = second.nonce ?? nonces.get(second.from);
  return forceChunk(rollup.tree, [first, signOrder(rollup, nonce === undefined ? second : { ...second, nonce })]);
}

const plain: Order = { from: 0, to: 1, amount: 1_000n };
const setAccount =
  (place: number, change: { balance?: bigint; nonce?: bigint; key?: readonly [bigint, bigint] }) =>
  ({ tree, indices }: ReturnType<typeof exampleRollup>) =>
    tree.set(indices[place]!, { ...tree.get(indices[place]!)!, ...change });

/** The input with one number of one signal changed; `at` leads through nested arrays. */
function changed(input: ChunkWitnessInput, name: keyof ChunkWitnessInput, at: number[], value: bigint): LooseInput {
  const copy = structuredClone(input) as Record<string, unknown>;
  if (at.length === 0) return { ...input, [name]: `${value}` };
  let array = copy[name] as unknown[];
  for (const place of at.slice(0, -1)) array = array[place] as unknown[];
  array[at.at(-1)!] = `${value}`;
  return copy as LooseInput;
}

describe('the circuit accepts', () => {
  it.each<[string, Order[], Parameters<typeof chunkOf>[1]?]>([
    ['two transfers', [plain, { from: 2, to: 3, amount: 5n }]],
    ['one transfer and padding', [plain]],
    ['two transfers of one sender', [plain, { from: 0, to: 2, amount: 5n }]],
    [
      'a transfer that spends what the first one brought',
      [
        { ...plain, amount: 999n },
        { from: 1, to: 0, amount: 999n },
      ],
    ],
    ['amount zero', [{ ...plain, amount: 0n }]],
    ['the whole balance', [{ ...plain, amount: 7n }], setAccount(0, { balance: 7n })],
    ['a receiver at 2^64 - 1', [{ ...plain, amount: 7n }], setAccount(1, { balance: UINT64_MAX - 7n })],
    ['the last nonce but one', [plain], setAccount(0, { nonce: UINT64_MAX - 1n })],
    ['a transfer to oneself', [{ from: 0, to: 0, amount: 1_000n }, plain]],
    ['a transfer of the whole balance to oneself', [{ from: 0, to: 0, amount: 9n }], setAccount(0, { balance: 9n })],
    ['a transfer to oneself at 2^64 - 1', [{ from: 0, to: 0, amount: 9n }], setAccount(0, { balance: UINT64_MAX })],
  ])('%s', (_, orders, prepare) => {
    expect(accepts(chunkOf(orders, prepare))).toBe(true);
  });

  it('a transfer to oneself, which changes the nonce and nothing else', () => {
    const rollup = exampleRollup();
    const index = rollup.indices[0]!;
    const before = rollup.tree.get(index)!;
    const input = forceChunk(rollup.tree, [signOrder(rollup, { from: 0, to: 0, amount: 1_000n })]);
    expect(rollup.tree.get(index)).toEqual({ ...before, nonce: before.nonce + 1n });
    expect(accepts(input)).toBe(true);
    const kept = exampleRollup();
    setAccount(0, { balance: before.balance + 1_000n, nonce: 1n })(kept);
    expect(accepts({ ...input, postStateRoot: `${kept.tree.root()}` })).toBe(false);
  });
});

describe('balance', () => {
  it.each<[string, Order[], Parameters<typeof chunkOf>[1]?]>([
    ['an overdraft by one', [{ ...plain, amount: 8n }], setAccount(0, { balance: 7n })],
    ['an overdraft to oneself', [{ from: 0, to: 0, amount: 8n }], setAccount(0, { balance: 7n })],
    [
      'an overdraft by the second transfer',
      [
        { ...plain, amount: 5n },
        { ...plain, amount: 3n },
      ],
      setAccount(0, { balance: 7n }),
    ],
    ['an overflow by one', [{ ...plain, amount: 8n }], setAccount(1, { balance: UINT64_MAX - 7n })],
    ['an amount of 2^64', [{ ...plain, amount: 2n ** 64n }], setAccount(0, { balance: 2n ** 64n })],
    ['a negative amount', [{ ...plain, amount: FIELD_MODULUS - 1n }]],
    [
      'a negative amount between balances that allow it',
      [{ ...plain, amount: FIELD_MODULUS - 5n }],
      setAccount(1, { balance: 5n }),
    ],
    ['a sender who has 2^64', [plain], setAccount(0, { balance: 2n ** 64n })],
    ['a receiver who has less than nothing', [plain], setAccount(1, { balance: FIELD_MODULUS - 5n })],
  ])('refuses %s', (_, orders, prepare) => {
    expect(accepts(chunkOf(orders, prepare))).toBe(false);
  });
});

describe('nonce', () => {
  it.each<[string, Order[], Parameters<typeof chunkOf>[1]?]>([
    ['one too high', [{ ...plain, nonce: 1n }]],
    ['used before', [plain, { ...plain, nonce: 0n }]],
    ['one too low', [{ ...plain, nonce: 3n }], setAccount(0, { nonce: 4n })],
    ['2^64 - 1, which has no successor', [plain], setAccount(0, { nonce: UINT64_MAX })],
    ['-1, whose successor is 0', [plain], setAccount(0, { nonce: FIELD_MODULUS - 1n })],
    ['2^64 of the receiver', [plain], setAccount(1, { nonce: 2n ** 64n })],
  ])('refuses %s', (_, orders, prepare) => {
    expect(accepts(chunkOf(orders, prepare))).toBe(false);
  });

  it('refuses a signed nonce that is the account’s in the leaf only', () => {
    const input = chunkOf([{ ...plain, nonce: 1n }]);
    expect(accepts(changed(input, 'nonce', [0], 0n))).toBe(false);
    expect(accepts(changed(input, 'senderNonce', [0], 1n))).toBe(false);
  });
});

describe('signature', () => {
  const valid = chunkOf([plain]);
  const s = BigInt(valid.signatureS[0]!);
  const [x, y] = valid.signatureR8[0]!.map(BigInt) as [bigint, bigint];

  it.each<[string, LooseInput]>([
    ['another s', changed(valid, 'signatureS', [0], s + 1n)],
    ['s = 0', changed(valid, 'signatureS', [0], 0n)],
    ['s plus the subgroup’s order', changed(valid, 'signatureS', [0], s + SUBGROUP_ORDER)],
    ['another r8', { ...valid, signatureR8: [[`${BASE_POINT[0]}`, `${BASE_POINT[1]}`], valid.signatureR8[1]] }],
    ['-r8', changed(valid, 'signatureR8', [0, 0], FIELD_MODULUS - x)],
    ['r8 off the curve', changed(valid, 'signatureR8', [0, 1], y + 1n)],
    ['r8 = (0, 0)', { ...valid, signatureR8: [['0', '0'], valid.signatureR8[1]] }],
  ])('refuses %s', (_, input) => {
    expect(accepts(input)).toBe(false);
  });

  it.each(['from', 'to', 'amount', 'nonce'] as const)('refuses a signature for another %s', (field) => {
    const rollup = exampleRollup();
    const signed = signOrder(rollup, plain);
    const other = { ...signed, from: rollup.indices[2]!, to: rollup.indices[2]!, amount: 999n, nonce: 1n };
    expect(accepts(forceChunk(rollup.tree, [{ ...signed, [field]: other[field] }]))).toBe(false);
  });

  it('refuses the signature of another account', () => {
    const rollup = exampleRollup();
    const mine = signOrder(rollup, plain);
    const others = buildExampleRollup({ accounts: 4, seed: 12 });
    const foreign = signOrder(others, plain);
    expect(accepts(forceChunk(rollup.tree, [{ ...mine, signature: foreign.signature }]))).toBe(false);
  });

  // For these keys 8 * key is the identity, so r8 = s * B would be a signature that anybody can make.
  it.each<[string, readonly [bigint, bigint]]>([
    ['the identity', [0n, 1n]],
    ['of order 2', [0n, FIELD_MODULUS - 1n]],
    ['off the curve', [1n, 1n]],
    ['(0, 0)', [0n, 0n]],
  ])('refuses a key that is %s', (_, key) => {
    const rollup = exampleRollup();
    setAccount(0, { key })(rollup);
    const signed = signOrder(rollup, plain);
    const anybodys = { r8: BASE_POINT, s: 1n };
    expect(accepts(forceChunk(rollup.tree, [{ ...signed, signature: anybodys }]))).toBe(false);
  });
});

describe('field aliasing', () => {
  const valid = chunkOf([plain]);
  it.each<[keyof ChunkWitnessInput, bigint]>([
    ['from', 2n ** 16n],
    ['to', 2n ** 16n],
    ['from', -(2n ** 16n)],
    ['amount', 2n ** 64n],
    ['nonce', 2n ** 64n],
    ['senderBalance', 2n ** 64n],
    ['senderNonce', 2n ** 64n],
    ['receiverBalance', 2n ** 64n],
    ['receiverNonce', 2n ** 64n],
  ])('refuses %s plus %s', (name, offset) => {
    const value = BigInt((valid[name] as string[])[0]!) + offset + FIELD_MODULUS;
    expect(accepts(changed(valid, name, [0], value % FIELD_MODULUS))).toBe(false);
  });

  it('takes the same path for an index of 2^16 and more only if it were allowed: signed, it is refused all the same', () => {
    const rollup = exampleRollup();
    const signed = signOrder(rollup, plain);
    const hash = transferHash({ ...signed, to: signed.to + 2 ** 16 });
    expect(hash).not.toBe(transferHash(signed));
    const step = forceTransfer(rollup.tree, signed);
    const transfer = { ...signed, to: signed.to + 2 ** 16 };
    expect(accepts(chunkWitnessInput(BigInt(valid.preStateRoot), rollup.tree.root(), [{ ...step, transfer }]))).toBe(
      false,
    );
  });
});

describe('paths and roots', () => {
  const valid = chunkOf([plain, { from: 2, to: 3, amount: 5n }]);
  const levels = [0, 3, 7];
  const siblings = ['senderSiblings', 'receiverSiblings'] as const;
  const cases = siblings.flatMap((name) => [0, 1].flatMap((i) => levels.map((level) => [name, i, level] as const)));

  it.each(cases)('refuses another sibling in %s of transfer %i at level %i', (name, i, level) => {
    const sibling = BigInt(valid[name][i]![level]![1]!);
    expect(accepts(changed(valid, name, [i, level, 1], (sibling + 1n) % FIELD_MODULUS))).toBe(false);
  });

  it.each(['preStateRoot', 'postStateRoot', 'transfersCommitment'] as const)('refuses another %s', (name) => {
    expect(accepts(changed(valid, name, [], (BigInt(valid[name]) + 1n) % FIELD_MODULUS))).toBe(false);
  });

  it.each(['senderBalance', 'receiverBalance', 'receiverNonce'] as const)(
    'refuses another %s than the leaf has',
    (name) => {
      expect(accepts(changed(valid, name, [1], BigInt(valid[name][1]!) + 1n))).toBe(false);
    },
  );

  it('refuses a receiver as it stands before the sender’s side is written', () => {
    const rollup = exampleRollup();
    const pre = rollup.tree.root();
    const receiverSiblings = rollup.tree.siblings(rollup.indices[1]!);
    const step = forceTransfer(rollup.tree, signOrder(rollup, plain));
    const stale = { ...step, receiverSiblings };
    const credited = { ...step.receiver, balance: step.receiver.balance + plain.amount };
    const before = exampleRollup();
    before.tree.set(rollup.indices[1]!, credited);
    expect(pathRoot(0n, 0, receiverSiblings)).not.toBe(pathRoot(0n, 0, step.receiverSiblings));
    expect(accepts(chunkWitnessInput(pre, rollup.tree.root(), [stale]))).toBe(false);
    expect(accepts(chunkWitnessInput(pre, before.tree.root(), [stale]))).toBe(false);
  });

  it('refuses to credit oneself twice with a stale leaf', () => {
    const rollup = exampleRollup();
    const pre = rollup.tree.root();
    const step = forceTransfer(rollup.tree, signOrder(rollup, { from: 0, to: 0, amount: 1_000n }));
    const stale = { ...step, receiver: step.sender };
    rollup.tree.set(rollup.indices[0]!, { ...step.sender, balance: step.sender.balance + 1_000n });
    expect(accepts(chunkWitnessInput(pre, rollup.tree.root(), [stale]))).toBe(false);
  });

  it('refuses a second transfer on the state before the first', () => {
    const rollup = exampleRollup();
    const pre = rollup.tree.root();
    const first = forceTransfer(rollup.tree, signOrder(rollup, plain));
    const other = exampleRollup();
    const second = forceTransfer(other.tree, signOrder(other, { from: 2, to: 3, amount: 5n }));
    expect(accepts(chunkWitnessInput(pre, other.tree.root(), [first, second]))).toBe(false);
  });
});

describe('padding and commitment', () => {
  const two = chunkOf([plain, { from: 2, to: 3, amount: 5n }]);
  const one = chunkOf([plain]);

  it.each<[string, LooseInput]>([
    ['a first transfer switched off', { ...two, enabled: ['0', '1'] }],
    ['an empty chunk', { ...two, enabled: ['0', '0'] }],
    ['a second transfer switched off under the commitment that names it', { ...two, enabled: ['1', '0'] }],
    [
      'a second transfer switched off, with the root before it',
      { ...two, enabled: ['1', '0'], postStateRoot: one.postStateRoot },
    ],
    ['padding switched on', { ...one, enabled: ['1', '1'] }],
    ['a flag of 2', { ...two, enabled: ['1', '2'] }],
    ['a flag of -1', { ...two, enabled: ['1', `${FIELD_MODULUS - 1n}`] }],
    ['padding that changes the root', { ...one, postStateRoot: one.preStateRoot }],
  ])('refuses %s', (_, input) => {
    expect(accepts(input)).toBe(false);
  });

  it('accepts the second one switched off only under the commitment that says so', () => {
    const { transfersCommitment, postStateRoot } = one;
    expect(accepts({ ...two, enabled: ['1', '0'], transfersCommitment, postStateRoot })).toBe(true);
    expect(transfersCommitment).not.toBe(two.transfersCommitment);
  });

  it('commits to the order and to every field', () => {
    const base = { from: 1, to: 2, amount: 3n, nonce: 4n };
    const variants = [base, { ...base, from: 2 }, { ...base, to: 1 }, { ...base, amount: 4n }, { ...base, nonce: 3n }];
    const hashes = variants.map(transferHash);
    const commitments = [
      [hashes[0]!],
      ...hashes.slice(1).flatMap((other) => [[hashes[0]!, other], [other, hashes[0]!], [other]]),
    ];
    expect(new Set(commitments.map(transfersCommitment)).size).toBe(commitments.length);
  });
});
