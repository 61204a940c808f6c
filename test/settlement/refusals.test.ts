/** Every error of the contract, at every place that ends in it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTrapdoorKey, type TrapdoorKey } from '#cli/bench/trapdoorKey.js';
import { balanceLeaf } from '#protocol/balanceTree.js';
import { verificationKeyWords } from '#protocol/jobSet.js';
import { FQ_MODULUS, FR_MODULUS } from '#protocol/strictReader.js';
import { sumTreeRoot, sumTreeSiblings, TREE_SUM_WEI_MAX } from '#protocol/sumTree.js';
import type { Address, Hex } from '#protocol/units.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { SETTLEMENT_BYTECODE } from '#settlement/contracts/settlementBytecode.js';
import { loadBn254 } from '#verifier/bn254.js';
import { JobSet, setIdOf } from './jobSets.js';
import {
  anvilAccount,
  Chain,
  ETH,
  EXIT_DELAY_SEC,
  ROTATION_DELAY_SEC,
  Settlement,
  ZERO_WORD,
} from './settlementChain.js';
import { deployTestContract, depositTokens } from './testTokens.js';

const [coordinator, user, other] = [0, 1, 2].map((index) => anvilAccount(index).address) as [Address, Address, Address];
const ETHER = 10n ** 18n;

let chain: Chain;
let key: TrapdoorKey;

beforeAll(async () => {
  await loadBn254();
  key = makeTrapdoorKey(2, 5n);
  chain = await Chain.start();
});
afterAll(() => chain.node.stop());

/** A contract with a deposit of one ether of `user`. */
async function funded(): Promise<Settlement> {
  const settlement = await Settlement.deploy(chain);
  await settlement.depositEth(user, ETHER);
  return settlement;
}

/** Four jobs of 10 wei each, for `other`. */
function fourJobs(salt = 9n) {
  return [1n, 2n, 3n, 4n].map((signal) => {
    const publicSignals = [String(signal), String(signal * signal)];
    return { publicSignals, zkProof: key.prove(publicSignals, salt + signal), payee: other, amountWei: 10n };
  });
}

/** A contract with a committed set that can be settled. */
async function withJobSet(jobs = fourJobs()): Promise<{ settlement: Settlement; set: JobSet }> {
  const settlement = await funded();
  const set = new JobSet(setIdOf(1), key.verificationKey, jobs);
  await set.commit(settlement);
  return { settlement, set };
}

/** A contract in exit, whose last root owes `user` half an ether and credits all but the last deposit. */
async function inExit() {
  const settlement = await funded();
  const leaves = [
    balanceLeaf({ account: user, cumulativeWei: ETHER / 2n }),
    balanceLeaf({ account: other, cumulativeWei: 5n }),
  ];
  const { hash, sumWei } = sumTreeRoot(leaves);
  await settlement.postRoot({ balanceRoot: hash, sumWei });
  await settlement.depositEth(user, 70n);
  await chain.pass(EXIT_DELAY_SEC + 1n);
  return { settlement, claim: [user, ETHER / 2n, 0n, sumTreeSiblings(leaves, 0)] as const };
}

const deployWith = (args: readonly unknown[]) => {
  const deployed = chain.deploy(SETTLEMENT_ABI as never, SETTLEMENT_BYTECODE, args);
  return deployed.then(
    () => 'it was deployed',
    (error: Error) => error.message.split(': ')[1],
  );
};

/** Scenarios by the error that all of their calls end in. */
const SCENARIOS: Record<string, () => Promise<(string | undefined)[]>> = {
  async NotCoordinator() {
    const settlement = await funded();
    return Promise.all([
      settlement.refusal(user, 'postRoot', [1n, await settlement.emptyRoot()]),
      settlement.refusal(user, 'commitJobSet', [setIdOf(1), ZERO_WORD, 1n, 1n]),
      settlement.refusal(user, 'announceCoordinator', [user]),
    ]);
  },
  async ExitBegun() {
    const { settlement } = await inExit();
    const voucher = await settlement.voucher({ account: user, cumulativeWei: 1n });
    return Promise.all([
      settlement.refusal(user, 'deposit', [user, 1n], 1n),
      settlement.refusal(user, 'withdrawFunds', voucher.slice(1)),
      settlement.refusal(other, 'withdrawFor', voucher),
      settlement.refusal(coordinator, 'postRoot', [2n, await settlement.emptyRoot()]),
      settlement.refusal(coordinator, 'commitJobSet', [setIdOf(1), ZERO_WORD, 1n, 1n]),
      settlement.refusal(coordinator, 'announceCoordinator', [user]),
      settlement.refusal(coordinator, 'applyCoordinator'),
    ]);
  },
  async ExitNotBegun() {
    const settlement = await funded();
    return Promise.all([
      settlement.refusal(user, 'claim', [user, 1n, 0n, []]),
      settlement.refusal(user, 'refundDeposit', [user, 0n, ETHER]),
    ]);
  },
  async ZeroAddress() {
    const settlement = await funded();
    return [
      await settlement.refusal(user, 'deposit', [ETH, 1n], 1n),
      await deployWith([ETH, ETH, EXIT_DELAY_SEC, ROTATION_DELAY_SEC]),
    ];
  },
  async ZeroAmount() {
    const settlement = await funded();
    return [
      await settlement.refusal(user, 'deposit', [user, 0n]),
      await settlement.refusal(coordinator, 'commitJobSet', [setIdOf(1), ZERO_WORD, 0n, 1n]),
    ];
  },
  async WrongDelay() {
    const tooLong = 3_651n * 86_400n;
    return [
      await deployWith([ETH, coordinator, 0n, ROTATION_DELAY_SEC]),
      await deployWith([ETH, coordinator, EXIT_DELAY_SEC, 0n]),
      await deployWith([ETH, coordinator, tooLong, ROTATION_DELAY_SEC]),
      await deployWith([ETH, coordinator, EXIT_DELAY_SEC, tooLong]),
    ];
  },
  async NotAToken() {
    return [await deployWith([user, coordinator, EXIT_DELAY_SEC, ROTATION_DELAY_SEC])];
  },
  async WrongValue() {
    const settlement = await funded();
    const token = await deployTestContract(chain, 'PlainToken', user);
    const ofToken = await Settlement.deploy(chain, { token: token.address });
    await token.send(user, 'approve', [ofToken.address, 10n]);
    return [
      await settlement.refusal(user, 'deposit', [user, 2n], 1n),
      await settlement.refusal(user, 'deposit', [user, 1n], 2n),
      await ofToken.refusal(user, 'deposit', [user, 10n], 10n),
    ];
  },
  async TokenTookAnotherAmount() {
    const token = await deployTestContract(chain, 'FeeToken', user);
    const settlement = await Settlement.deploy(chain, { token: token.address });
    await token.send(user, 'approve', [settlement.address, 1_000n]);
    return [await settlement.refusal(user, 'deposit', [user, 1_000n])];
  },
  async TransferFailed() {
    const token = await deployTestContract(chain, 'SulkingToken', user);
    const ofToken = await Settlement.deploy(chain, { token: token.address });
    await depositTokens(token, ofToken, user, 100n);
    const voucher = await ofToken.voucher({ account: user, cumulativeWei: 10n });
    await token.send(user, 'approve', [ofToken.address, 10n]);
    await token.send(user, 'sulk', [true]);
    const settlement = await funded();
    const account = await deployTestContract(chain, 'ContractAccount', user);
    await account.send(user, 'refuse');
    const toContract = await settlement.voucher({ account: account.address, cumulativeWei: 10n });
    const tooMuch = await settlement.voucher({ account: user, cumulativeWei: ETHER + 1n });
    return [
      await ofToken.refusal(user, 'deposit', [user, 10n]),
      await ofToken.refusal(user, 'withdrawFor', voucher),
      await settlement.refusal(user, 'withdrawFor', toContract),
      await settlement.refusal(user, 'withdrawFor', tooMuch),
    ];
  },
  async DepositsOverflow() {
    const token = await deployTestContract(chain, 'PlainToken', user, 1n << 200n);
    const settlement = await Settlement.deploy(chain, { token: token.address });
    await depositTokens(token, settlement, user, TREE_SUM_WEI_MAX);
    await token.send(user, 'approve', [settlement.address, 1n << 200n]);
    return [
      await settlement.refusal(user, 'deposit', [user, 1n]),
      await settlement.refusal(user, 'deposit', [user, 1n << 128n]),
    ];
  },
  async WrongSignature() {
    const settlement = await funded();
    const [account, cumulativeWei, r, vs] = await settlement.voucher({ account: user, cumulativeWei: 10n });
    const byUser = await settlement.voucher({ account: user, cumulativeWei: 10n }, undefined, anvilAccount(1) as never);
    const flipped = `0x${((BigInt(vs) ^ (1n << 255n)) + 0n).toString(16).padStart(64, '0')}` as Hex;
    return Promise.all([
      settlement.refusal(other, 'withdrawFunds', [cumulativeWei, r, vs]),
      settlement.refusal(user, 'withdrawFor', [other, cumulativeWei, r, vs]),
      settlement.refusal(user, 'withdrawFor', [account, cumulativeWei + 1n, r, vs]),
      settlement.refusal(user, 'withdrawFor', [account, cumulativeWei, r, flipped]),
      settlement.refusal(user, 'withdrawFor', [account, cumulativeWei, ZERO_WORD, ZERO_WORD]),
      settlement.refusal(user, 'withdrawFor', byUser),
    ]);
  },
  async NothingToPay() {
    const settlement = await funded();
    const [lower, higher] = [
      await settlement.voucher({ account: user, cumulativeWei: 10n }),
      await settlement.voucher({ account: user, cumulativeWei: 20n }),
    ];
    await settlement.send(other, 'withdrawFor', higher);
    const refusals = [
      await settlement.refusal(user, 'withdrawFor', higher),
      await settlement.refusal(user, 'withdrawFor', lower),
      await settlement.refusal(user, 'withdrawFor', await settlement.voucher({ account: other, cumulativeWei: 0n })),
      await settlement.refusal(user, 'payEarnings', [user]),
    ];
    const exit = await inExit();
    await exit.settlement.send(other, 'claim', exit.claim);
    return [...refusals, await exit.settlement.refusal(user, 'claim', exit.claim)];
  },
  async WrongEpoch() {
    const settlement = await funded();
    await settlement.postRoot();
    const root = await settlement.emptyRoot();
    return Promise.all(
      [0n, 1n, 3n, (1n << 64n) - 1n].map((epoch) => settlement.refusal(coordinator, 'postRoot', [epoch, root])),
    );
  },
  async TreeShrank() {
    const settlement = await funded();
    await settlement.postRoot({ treeSize: 50n });
    return [
      await settlement.refusal(coordinator, 'postRoot', [2n, { ...(await settlement.emptyRoot()), treeSize: 49n }]),
    ];
  },
  async WrongCredited() {
    const settlement = await funded();
    await settlement.postRoot({ creditedWei: 100n });
    const root = await settlement.emptyRoot();
    return [
      await settlement.refusal(coordinator, 'postRoot', [2n, { ...root, creditedWei: 99n }]),
      await settlement.refusal(coordinator, 'postRoot', [2n, { ...root, creditedWei: ETHER + 1n }]),
    ];
  },
  async MoreThanHeld() {
    const settlement = await funded();
    await settlement.postRoot({ creditedWei: 100n });
    await settlement.send(coordinator, 'commitJobSet', [setIdOf(1), ZERO_WORD, 60n, 1n]);
    const root = await settlement.emptyRoot();
    return [
      await settlement.refusal(coordinator, 'postRoot', [2n, { ...root, sumWei: ETHER - 59n }]),
      await settlement.refusal(coordinator, 'postRoot', [2n, { ...root, creditedWei: 100n, sumWei: 41n }]),
      await settlement.refusal(coordinator, 'postRoot', [2n, { ...root, sumWei: TREE_SUM_WEI_MAX }]),
      await settlement.refusal(coordinator, 'commitJobSet', [setIdOf(2), ZERO_WORD, ETHER, 1n]),
      await settlement.refusal(coordinator, 'commitJobSet', [setIdOf(2), ZERO_WORD, TREE_SUM_WEI_MAX, 1n]),
    ];
  },
  async WrongInclusionProof() {
    const { settlement, claim } = await inExit();
    const [account, cumulativeWei, index, siblings] = claim;
    const [beside] = siblings as [{ hash: Hex; sumWei: bigint }];
    return Promise.all([
      settlement.refusal(user, 'claim', [other, cumulativeWei, index, siblings]),
      settlement.refusal(user, 'claim', [account, cumulativeWei + 1n, index, siblings]),
      settlement.refusal(user, 'claim', [account, cumulativeWei, 1n, siblings]),
      settlement.refusal(user, 'claim', [account, cumulativeWei, 2n, siblings]),
      settlement.refusal(user, 'claim', [account, cumulativeWei, index, []]),
      settlement.refusal(user, 'claim', [account, cumulativeWei, index, [{ ...beside, sumWei: beside.sumWei + 1n }]]),
      settlement.refusal(user, 'claim', [account, cumulativeWei, index, [beside, beside]]),
      // An inner node is no leaf, and a leaf of nothing pays nothing.
      settlement.refusal(user, 'claim', [ETH, 0n, 0n, siblings]),
    ]);
  },
  async SumOverflow() {
    const settlement = await funded();
    // A tree that owes user more than there is: 2^128 - 1 and 11 wei beside it would wrap round to 10.
    const beside = { hash: ZERO_WORD, sumWei: 11n };
    const leaf = balanceLeaf({ account: user, cumulativeWei: TREE_SUM_WEI_MAX });
    await settlement.postRoot({ balanceRoot: leaf.hash, sumWei: 10n });
    await chain.pass(EXIT_DELAY_SEC + 1n);
    return [
      await settlement.refusal(user, 'claim', [user, TREE_SUM_WEI_MAX, 0n, [beside]]),
      await settlement.refusal(user, 'claim', [user, TREE_SUM_WEI_MAX, 1n, [beside]]),
      await settlement.refusal(user, 'claim', [user, 11n, 0n, [{ hash: leaf.hash, sumWei: TREE_SUM_WEI_MAX }]]),
    ];
  },
  async NoSuchDeposit() {
    const { settlement } = await inExit();
    await settlement.send(other, 'refundDeposit', [user, ETHER, 70n]);
    return Promise.all([
      settlement.refusal(user, 'refundDeposit', [user, ETHER, 70n]),
      settlement.refusal(user, 'refundDeposit', [user, 0n, ETHER]),
      settlement.refusal(user, 'refundDeposit', [other, ETHER, 70n]),
      settlement.refusal(user, 'refundDeposit', [user, ETHER, 69n]),
      settlement.refusal(user, 'refundDeposit', [user, (1n << 256n) - 1n, 70n]),
    ]);
  },
  async JobSetExists() {
    const { settlement, set } = await withJobSet();
    const again = await settlement.refusal(coordinator, 'commitJobSet', [set.setId, set.root.hash, 40n, 4n]);
    await settlement.send(user, 'settleBatch', set.batch());
    return [again, await settlement.refusal(coordinator, 'commitJobSet', [set.setId, ZERO_WORD, 1n, 1n])];
  },
  async RootNotPostedYet() {
    const settlement = await funded();
    const set = new JobSet(setIdOf(1), key.verificationKey, fourJobs());
    await settlement.send(coordinator, 'storeKey', [verificationKeyWords(key.verificationKey)]);
    set.keyAt = await settlement.call('keyAt', [set.keyHash]);
    await settlement.send(coordinator, 'commitJobSet', [set.setId, set.root.hash, set.root.sumWei, 4n]);
    const early = await settlement.refusal(user, 'settleBatch', set.batch());
    // Nor in exit, in which the last root still promises that money to others.
    await chain.pass(EXIT_DELAY_SEC + 1n);
    return [early, await settlement.refusal(user, 'settleBatch', set.batch())];
  },
  async WrongKey() {
    const { settlement, set } = await withJobSet();
    const words = verificationKeyWords(key.verificationKey);
    return [
      await settlement.refusal(user, 'storeKey', [words.slice(0, 16)]),
      await settlement.refusal(user, 'storeKey', [words.slice(0, -1)]),
      await settlement.refusal(user, 'storeKey', [[...words, ...new Array<bigint>(1_000).fill(1n)]]),
      await settlement.refusal(user, 'settleBatch', set.batchWith({ keyAt: other })),
    ];
  },
  async WrongItems() {
    const { settlement, set } = await withJobSet();
    const { items } = set.batch()[0] as { items: bigint[] };
    const settleItems = (words: bigint[]) => settlement.refusal(user, 'settleBatch', set.batchWith({ items: words }));
    return [
      await settleItems([]),
      await settleItems(items.slice(0, -1)),
      await settleItems([...items, 1n]),
      await settleItems(Array.from({ length: 257 }).flatMap(() => items.slice(0, items.length / 4))),
      await settlement.refusal(coordinator, 'commitJobSet', [setIdOf(2), ZERO_WORD, 1n, 0n]),
      await settlement.refusal(coordinator, 'commitJobSet', [setIdOf(2), ZERO_WORD, 1n, 16_385n]),
    ];
  },
  async NotAligned() {
    const { settlement, set } = await withJobSet();
    const { items } = set.batch()[0] as { items: bigint[] };
    const from = (first: bigint, count: number) => {
      const words = items.slice(0, (items.length / 4) * count);
      return settlement.refusal(user, 'settleBatch', set.batchWith({ firstIndex: first, items: words }));
    };
    return [
      await from(1n, 2),
      await from(1n, 3),
      await from(2n, 3),
      await from(2n, 4),
      await from((1n << 255n) + 1n, 2),
    ];
  },
  async WrongJobSet() {
    const { settlement, set } = await withJobSet();
    const jobs = fourJobs();
    const changed = (change: Partial<(typeof jobs)[0]>) => {
      return settlement.refusal(user, 'settleBatch', set.batch(0, 4, [{ ...jobs[0]!, ...change }, ...jobs.slice(1)]));
    };
    const foreign = new JobSet(setIdOf(1), makeTrapdoorKey(2, 6n).verificationKey, jobs);
    await settlement.send(user, 'storeKey', [verificationKeyWords(foreign.key)]);
    return [
      await changed({ payee: user }),
      await changed({ amountWei: 11n }),
      await changed({ publicSignals: ['1', '2'] }),
      // The same statement, spelled as another number: it is no item of the set.
      await changed({ publicSignals: [(1n + FR_MODULUS).toString(), '1'] }),
      await settlement.refusal(user, 'settleBatch', set.batch(0, 4, [jobs[1]!, jobs[0]!, jobs[2]!, jobs[3]!])),
      await settlement.refusal(user, 'settleBatch', set.batch(0, 4, [jobs[0]!, jobs[0]!, jobs[2]!, jobs[3]!])),
      await settlement.refusal(user, 'settleBatch', set.batchWith({ committedEpoch: 1n })),
      await settlement.refusal(user, 'settleBatch', set.batchWith({ setId: setIdOf(2) })),
      await settlement.refusal(user, 'settleBatch', set.batchWith({ firstIndex: 4n })),
      await settlement.refusal(user, 'settleBatch', set.batchWith({ siblings: [{ hash: ZERO_WORD, sumWei: 0n }] })),
      await settlement.refusal(
        user,
        'settleBatch',
        set.batchWith({ keyAt: await settlement.call('keyAt', [foreign.keyHash]) }),
      ),
    ];
  },
  async SignalAboveModulus() {
    // The coordinator itself has committed to the second spelling: the only way to get past the hash.
    const jobs = fourJobs();
    jobs[2] = { ...jobs[2]!, publicSignals: [(3n + FR_MODULUS).toString(), '9'] };
    const { settlement, set } = await withJobSet(jobs);
    const atModulus = fourJobs();
    atModulus[0] = {
      ...atModulus[0]!,
      publicSignals: [FR_MODULUS.toString(), '1'],
      zkProof: key.prove(['0', '1'], 3n),
    };
    const second = await withJobSet(atModulus);
    return [
      await settlement.refusal(user, 'settleBatch', set.batch()),
      await settlement.refusal(user, 'settleBatch', set.batch(2, 1)),
      await second.settlement.refusal(user, 'settleBatch', second.set.batch()),
    ];
  },
  async PointAtInfinity() {
    const { settlement, set } = await withJobSet();
    const jobs = fourJobs();
    const refusals = (['pi_a', 'pi_b', 'pi_c'] as const).flatMap((name) => {
      const zero =
        name === 'pi_b'
          ? [
              ['0', '0'],
              ['0', '0'],
              ['1', '0'],
            ]
          : ['0', '0', '1'];
      return [0, 3].map((index) => {
        const spoiled = jobs.map((job, at) =>
          at === index ? { ...job, zkProof: { ...job.zkProof, [name]: zero } } : job,
        );
        return settlement.refusal(user, 'settleBatch', set.batch(0, 4, spoiled as never));
      });
    });
    return Promise.all(refusals);
  },
  async InvalidZkProofs() {
    const { settlement, set } = await withJobSet();
    const jobs = fourJobs();
    const offCurve = { ...jobs[1]!.zkProof, pi_a: ['1', '3', '1'] as [string, string, string] };
    const aliased = {
      ...jobs[1]!.zkProof,
      pi_c: [(BigInt(jobs[1]!.zkProof.pi_c[0]) + FQ_MODULUS).toString(), jobs[1]!.zkProof.pi_c[1], '1'] as [
        string,
        string,
        string,
      ],
    };
    return Promise.all(
      [offCurve, aliased, jobs[2]!.zkProof].map((zkProof) =>
        settlement.refusal(
          user,
          'settleBatch',
          set.batch(0, 4, [jobs[0]!, { ...jobs[1]!, zkProof }, jobs[2]!, jobs[3]!]),
        ),
      ),
    );
  },
  async NoSuccessor() {
    const settlement = await funded();
    const none = await settlement.refusal(user, 'applyCoordinator');
    await settlement.send(coordinator, 'announceCoordinator', [other]);
    await settlement.send(coordinator, 'announceCoordinator', [ETH]);
    await chain.pass(ROTATION_DELAY_SEC + 1n);
    return [none, await settlement.refusal(user, 'applyCoordinator')];
  },
  async TooEarly() {
    const settlement = await funded();
    await settlement.send(coordinator, 'announceCoordinator', [other]);
    const atOnce = await settlement.refusal(user, 'applyCoordinator');
    await chain.pass(ROTATION_DELAY_SEC - 10n);
    return [atOnce, await settlement.refusal(other, 'applyCoordinator')];
  },
};

describe('the contract refuses', () => {
  const errors = SETTLEMENT_ABI.flatMap((item) => (item.type === 'error' ? [item.name] : []));

  it('with these errors and no others', () => {
    expect(Object.keys(SCENARIOS).sort()).toEqual([...errors].sort());
  });

  it.each(errors)('%s', async (name) => {
    const refusals = await SCENARIOS[name]!();
    expect(refusals).toEqual(refusals.map(() => name));
  });
});
