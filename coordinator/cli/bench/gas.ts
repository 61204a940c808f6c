import { FR_MODULUS } from '#protocol/strictReader.js';
import { loadBn254 } from '#verifier/bn254.js';
import { table } from '../start/summary.js';
import { BATCH_SIGNALS, GasMarket, type PricedBatch } from './gasMarket.js';
import type { Measure } from './measure.js';
import { snarkjsVerifierGas } from './snarkjsVerifierGas.js';
import { makeTrapdoorKey, type TrapdoorKey } from './trapdoorKey.js';

/** What one zkProof of 4 public signals cost alone, by snarkjs's exported verifier, when the targets were set. */
const ALONE_GAS = 245_152;

/** The most gas of one transaction. Source: EIP-7825. */
const TRANSACTION_GAS_MAX = 2 ** 24;

const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const SIZES_QUICK = [1, 16, 64];

/**
 * What the settlement contract costs on an EVM node of its own, in gas, which is the same on every machine. Batches are measured
 * at their dearest: every public signal as wide as they come, every item another statement and zkProof; the payee has earned
 * before. What is ratios is against one zkProof alone by snarkjs's exported verifier, as it was when the targets were set; that
 * is measured in the same run too.
 *
 * @param options - quick: three sizes of batches
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  await loadBn254();
  const sizes = options.quick ? SIZES_QUICK : SIZES;
  const key = makeTrapdoorKey(BATCH_SIGNALS, 77n);
  const statements = statementsOf(key, sizes.at(-1)!);
  const market = await GasMarket.start();
  try {
    const aloneGas = await snarkjsVerifierGas(market, key.verificationKey, statements[0]!);
    const money = await market.moneyGas();
    await market.settle(key, statements.slice(0, 2), 1);
    const batches: PricedBatch[] = [];
    for (const size of sizes) batches.push(await market.settle(key, statements.slice(0, size), 1));
    const manyPayees = [
      await market.settle(key, statements.slice(0, 16), 4),
      await market.settle(key, statements.slice(0, 16), 16),
    ];
    printBatches(batches, aloneGas);
    console.log(
      `16 items of 4 and of 16 payees, who had earned nothing before: ${manyPayees.map(ratioOf).join(', ')} a zkProof\n`,
    );
    printMoney({ ...money, ...market.setUpGas, 'claim in exit, 1,024 accounts': await market.claimGas() });
    return measuresOf(batches, money, aloneGas);
  } finally {
    await market.stop();
  }
}

/** Different statements of the widest signals, with their zkProofs. */
function statementsOf(key: TrapdoorKey, count: number) {
  return Array.from({ length: count }, (_, index) => {
    const publicSignals = Array.from({ length: BATCH_SIGNALS }, (_, at) => {
      return (FR_MODULUS - 98_765_432_109_876_543n * BigInt(at + 1) - 7n * BigInt(index)).toString();
    });
    return { publicSignals, zkProof: key.prove(publicSignals, BigInt(index + 99)) };
  });
}

const ratioOf = ({ settleGas, size }: PricedBatch): string => (settleGas / size / ALONE_GAS).toFixed(4);

function printBatches(batches: readonly PricedBatch[], aloneGas: number): void {
  const rows = batches.map((batch) => [
    String(batch.size),
    String(batch.settleGas),
    String(Math.round(batch.settleGas / batch.size)),
    ratioOf(batch),
    (batch.settleGas / batch.size / aloneGas).toFixed(4),
    ((batch.settleGas + batch.commitGas) / batch.size / ALONE_GAS).toFixed(4),
  ]);
  const header = ['N', 'settleBatch', 'a zkProof', `of ${ALONE_GAS}`, `of ${aloneGas} here`, 'with its commit'];
  console.log(
    `Gas of a batch, ${BATCH_SIGNALS} public signals, any circuit's key, one payee\n${table(header, rows)}\n`,
  );
}

function printMoney(gas: Readonly<Record<string, number>>): void {
  console.log(
    `${table(
      ['what', 'gas'],
      Object.entries(gas).map(([what, used]) => [what, String(used)]),
    )}\n`,
  );
}

function measuresOf(
  batches: readonly PricedBatch[],
  money: Awaited<ReturnType<GasMarket['moneyGas']>>,
  aloneGas: number,
) {
  const atMost = (name: string, value: number, unit: string, most: number): Measure => {
    return { name, value, unit, target: `at most ${most}`, holds: value <= most };
  };
  const told = (name: string, value: number, unit: string): Measure => {
    return { name, value, unit, target: 'for information', holds: true };
  };
  const perProof = (size: number) => {
    const { settleGas } = batches.find((batch) => batch.size === size)!;
    return settleGas / size / ALONE_GAS;
  };
  const fitting = batches.filter(({ settleGas }) => settleGas <= TRANSACTION_GAS_MAX);
  return [
    atMost('gasPerProofBatch16', perProof(16), 'times', 0.28),
    atMost('gasPerProofBatch64', perProof(64), 'times', 0.24),
    atMost('gasVoucherWithdrawal', money['withdrawal by voucher'], 'gas', 40_000),
    atMost('gasRootPosting', money.root, 'gas', 60_000),
    told('gasVoucherWithdrawalFirst', money['withdrawal by voucher, the first of an account'], 'gas'),
    told('gasProofAlone', aloneGas, 'gas'),
    told('gasBatchLargestFitting', Math.max(...fitting.map(({ size }) => size)), 'zkProofs'),
  ];
}
