/**
 * Three verifiers that are wrong in one line each are forged against, and the same forgeries fail against the real one: so
 * the tests are known to bite, and what each line is for is shown.
 */
import { add, neg } from 'mcl-wasm';
import { encodePacked, hexToBigInt, keccak256 } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeG1 } from '#cli/bench/rerandomise.js';
import { makeTrapdoorKey, type TrapdoorKey } from '#cli/bench/trapdoorKey.js';
import { bytes32OfText } from '#protocol/evmWords.js';
import { FR_MODULUS } from '#protocol/strictReader.js';
import type { Address, Hex } from '#protocol/units.js';
import { compileContracts, readContractSources } from '#settlement/contracts/compileContracts.js';
import { g1FromPoint, loadBn254 } from '#verifier/bn254.js';
import { JobSet, type ProvenJob, setIdOf } from './jobSets.js';
import { anvilAccount, Chain, Settlement } from './settlementChain.js';

const [user, payee] = [1, 2].map((index) => anvilAccount(index).address) as [Address, Address];

let chain: Chain;
let key: TrapdoorKey;
beforeAll(async () => {
  await loadBn254();
  key = makeTrapdoorKey(2, 21n);
  chain = await Chain.start();
});
afterAll(() => chain.node.stop());

/** The contract with one passage of its batch verifier changed, deployed with money in it. */
async function deployChanged(passage: string, change: string): Promise<Settlement> {
  const sources = readContractSources();
  const parts = sources['Groth16Batch.sol']!.split(passage);
  if (parts.length !== 2) throw new Error(`the verifier has this passage ${parts.length - 1} times: ${passage}`);
  const changed = compileContracts({ ...sources, 'Groth16Batch.sol': parts.join(change) });
  return funded(await Settlement.deploy(chain, { bytecode: changed.Settlement!.bytecode }));
}

async function funded(settlement: Settlement): Promise<Settlement> {
  await settlement.depositEth(user, 10n ** 18n);
  return settlement;
}

const jobOf = (publicSignals: string[], zkProof: ProvenJob['zkProof']): ProvenJob => {
  return { publicSignals, zkProof, payee, amountWei: 1_000n };
};

/** Tries to settle a set of these jobs. @returns the error, or null when the payee was credited */
async function settle(settlement: Settlement, jobs: ProvenJob[]): Promise<string | undefined | null> {
  const set = new JobSet(setIdOf(1), key.verificationKey, jobs);
  await set.commit(settlement);
  try {
    await settlement.send(user, 'settleBatch', set.batch());
  } catch {
    return settlement.refusal(user, 'settleBatch', set.batch());
  }
  expect(await settlement.call('earnings', [payee])).toEqual([1_000n * BigInt(jobs.length), 0n]);
  return null;
}

describe('a forgery works', { timeout: 300_000 }, () => {
  it('by errors that cancel, when all coefficients are one', async () => {
    const error = g1FromPoint(key.prove(['1', '1'], 5n).pi_c)!;
    const [one, other] = [key.prove(['3', '4'], 6n), key.prove(['5', '6'], 7n)];
    const jobs = [
      jobOf(['3', '4'], { ...one, pi_c: writeG1(add(g1FromPoint(one.pi_c)!, error)) }),
      jobOf(['5', '6'], { ...other, pi_c: writeG1(add(g1FromPoint(other.pi_c)!, neg(error))) }),
    ];
    const broken = await deployChanged('r := mod(keccak256(0x00, 0x40), R)', 'r := 1');
    expect(await settle(broken, jobs)).toBeNull();
    expect(await settle(await funded(await Settlement.deploy(chain)), jobs)).toBe('InvalidZkProofs');
  });

  it('by signals chosen after the coefficients, when the transcript has no signals', async () => {
    const zkProofs = [key.prove(['3', '4'], 6n), key.prove(['5', '6'], 7n)];
    const words = new JobSet(
      setIdOf(1),
      key.verificationKey,
      zkProofs.map((zkProof) => jobOf(['0', '0'], zkProof)),
    );
    const { items } = words.batch()[0] as { items: bigint[] };
    const factor = secondCoefficient(words.keyHash, items);
    // False statements: the error of the first is the second's times its coefficient, which is known.
    const error = 123_456_789n;
    const jobs = [
      jobOf([((3n + factor * error) % FR_MODULUS).toString(), '4'], zkProofs[0]!),
      jobOf([(5n - error + FR_MODULUS).toString(), '6'], zkProofs[1]!),
    ];
    const itemBytes = '0x160';
    const blank = `for { let item := add(at, 0x80) } lt(item, add(at, add(0x80, size))) { item := add(item, ${itemBytes}) } {
                mstore(add(item, 0x100), 0)
                mstore(add(item, 0x120), 0)
            }
            seed := keccak256(at, add(0x80, size))`;
    const broken = await deployChanged('seed := keccak256(at, add(0x80, size))', blank);
    expect(await settle(broken, jobs)).toBeNull();
    expect(await settle(await funded(await Settlement.deploy(chain)), jobs)).toBe('InvalidZkProofs');
  });

  it('by a second spelling of a statement, when signals may be above the modulus', async () => {
    const spelled = [(3n + FR_MODULUS).toString(), '4'];
    const jobs = [jobOf(['3', '4'], key.prove(['3', '4'], 6n)), jobOf(spelled, key.prove(['3', '4'], 8n))];
    const broken = await deployChanged('flaws := or(flaws, gt(signal, R_LESS_1))', '');
    expect(await settle(broken, jobs)).toBeNull();
    expect(await settle(await funded(await Settlement.deploy(chain)), jobs)).toBe('SignalAboveModulus');
  });
});

/** The coefficient of the second of two items, as the changed contract works it out; signals in `items` are zero. */
function secondCoefficient(keyHash: Hex, items: readonly bigint[]): bigint {
  const head = [bytes32OfText('understudy.batch.v1'), keyHash].map((word) => hexToBigInt(word));
  const words = [...head, 0b11n, BigInt(items.length), ...items];
  const seed = keccak256(
    encodePacked(
      words.map(() => 'uint256' as const),
      words,
    ),
  );
  return hexToBigInt(keccak256(encodePacked(['bytes32', 'uint256'], [seed, 1n]))) % FR_MODULUS;
}
