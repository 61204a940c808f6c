/** Deposits, vouchers, roots, exit, tokens and the coordinator's successor, each with what it does to everybody's money. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceLeaf, type Entitlement, inTreeOrder } from '#protocol/balanceTree.js';
import { sumTreeRoot, sumTreeSiblings } from '#protocol/sumTree.js';
import type { Address } from '#protocol/units.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { anvilAccount, Chain, EXIT_DELAY_SEC, ROTATION_DELAY_SEC, Settlement } from './settlementChain.js';
import { deployTestContract, depositTokens } from './testTokens.js';

const accounts = Array.from({ length: 8 }, (_, index) => anvilAccount(index).address);
const [coordinator, user, other, third] = accounts as [Address, Address, Address, Address];

let chain: Chain;
const started: Chain[] = [];

/** A chain on which nothing was sent yet; it ends with the others. */
async function freshChain(chainId?: number): Promise<Chain> {
  const fresh = await Chain.start(chainId);
  started.push(fresh);
  return fresh;
}

beforeAll(async () => {
  chain = await Chain.start();
});
afterAll(() => Promise.all([chain, ...started].map(({ node }) => node.stop())));

/** Fresh accounts that nobody has keys of, so that what they are paid can be read off their balance. */
const payeeOf = (number: number): Address => `0x${(0xface0000 + number).toString(16).padStart(40, '0')}`;

/** The tree of these entitlements, and each one's arguments of `claim`. */
function treeOf(entitlements: readonly Entitlement[]) {
  const ordered = inTreeOrder(entitlements);
  const leaves = ordered.map(balanceLeaf);
  const { hash, sumWei } = sumTreeRoot(leaves);
  const claims = ordered.map(
    (one, index) => [one.account, one.cumulativeWei, BigInt(index), sumTreeSiblings(leaves, index)] as const,
  );
  return { root: { balanceRoot: hash, sumWei }, claims };
}

describe('deposits', () => {
  it('lie one behind the other on one line, whoever sends them for whom', async () => {
    const settlement = await Settlement.deploy(chain);
    const first = await settlement.depositEth(user, 100n);
    const second = await settlement.send(user, 'deposit', [other, 50n], 50n);
    expect([first, second].map(({ events }) => events[0])).toMatchObject([
      { eventName: 'Deposited', args: { startWei: 0n, amountWei: 100n } },
      { eventName: 'Deposited', args: { startWei: 100n, amountWei: 50n } },
    ]);
    expect(await settlement.call('totalDepositedWei')).toBe(150n);
    expect(await settlement.balanceWei()).toBe(150n);
  });
});

describe('vouchers', () => {
  it('pay the difference to what was paid, in any order, to the account whoever sends them', async () => {
    const settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 1_000n);
    const payee = payeeOf(1);
    const vouchers = await Promise.all(
      [300n, 100n, 450n].map((cumulativeWei) => settlement.voucher({ account: payee, cumulativeWei })),
    );
    await settlement.send(other, 'withdrawFor', vouchers[0]);
    expect(await settlement.refusal(other, 'withdrawFor', vouchers[1])).toBe('NothingToPay');
    await settlement.send(third, 'withdrawFor', vouchers[2]);
    expect(await settlement.refusal(other, 'withdrawFor', vouchers[2])).toBe('NothingToPay');
    expect(await settlement.balanceWei(payee)).toBe(450n);
    expect(await settlement.balanceWei()).toBe(550n);
    expect(await settlement.call('withdrawnWei', [payee])).toBe(450n);
  });

  it('are taken by the account itself for itself', async () => {
    const settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 1_000n);
    const [, ...voucher] = await settlement.voucher({ account: user, cumulativeWei: 400n });
    await settlement.send(user, 'withdrawFunds', voucher);
    expect(await settlement.call('withdrawnWei', [user])).toBe(400n);
    expect(await settlement.balanceWei()).toBe(600n);
  });

  it.each([
    ['the address of zeros', `0x${'0'.repeat(40)}`],
    ['the highest address', `0x${'f'.repeat(40)}`],
    ['the address of a low slot', `0x${'2'.padStart(40, '0')}`],
  ] as [string, Address][])('for %s touch nothing but its own money', async (_, account) => {
    const settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 1_000n);
    await settlement.postRoot({ sumWei: 7n });
    const views = [
      'coordinator',
      'rootPostedAtSec',
      'epoch',
      'latestRoot',
      'totalDepositedWei',
      'committedWei',
      'successor',
    ];
    const before = await Promise.all(views.map((view) => settlement.call(view)));
    expect(await settlement.call('withdrawnWei', [account])).toBe(0n);
    await settlement.send(user, 'withdrawFor', await settlement.voucher({ account, cumulativeWei: 9n }));
    expect(await settlement.call('withdrawnWei', [account])).toBe(9n);
    expect(await Promise.all(views.map((view) => settlement.call(view)))).toEqual(before);
  });

  it('count on one contract of one chain only', async () => {
    const elsewhere = await freshChain(31_338);
    // The same account deploys at the same count of transactions, so both contracts have one address.
    const [here, there] = [await Settlement.deploy(await freshChain()), await Settlement.deploy(elsewhere)];
    expect(there.address).toBe(here.address);
    const beside = await Settlement.deploy(elsewhere);
    for (const one of [here, there, beside]) await one.depositEth(user, 100n);
    const voucher = await there.voucher({ account: user, cumulativeWei: 60n });
    expect(await here.refusal(user, 'withdrawFor', voucher)).toBe('WrongSignature');
    expect(await beside.refusal(user, 'withdrawFor', voucher)).toBe('WrongSignature');
    await there.send(user, 'withdrawFor', voucher);
  });

  it('of a chain that forks away do not count on the fork', async () => {
    const fork = await freshChain();
    const settlement = await Settlement.deploy(fork);
    await settlement.depositEth(user, 100n);
    const before = await settlement.voucher({ account: user, cumulativeWei: 60n });
    const separator = await settlement.call('domainSeparator');
    await fork.client.request({ method: 'anvil_setChainId' as never, params: [31_340] as never });
    expect(await settlement.refusal(user, 'withdrawFor', before)).toBe('WrongSignature');
    expect(await settlement.call('domainSeparator')).not.toBe(separator);
    const after = await settlement.voucher(
      { account: user, cumulativeWei: 60n },
      { ...settlement.domain, chainId: 31_340 },
    );
    // The node's own accounts still sign for the old id, so this is a call and no transaction.
    expect(await settlement.call('withdrawFor', after)).toBeUndefined();
  });
});

describe('roots', () => {
  it('are posted in order with what they say', async () => {
    const settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 1_000n);
    const { root } = treeOf([{ account: user, cumulativeWei: 900n }]);
    const { events } = await settlement.postRoot({ ...root, creditedWei: 950n, treeSize: 17n });
    expect(events).toMatchObject([
      { eventName: 'RootPosted', args: { epoch: 1n, ...root, creditedWei: 950n, treeSize: 17n } },
    ]);
    expect(await settlement.call('latestRoot')).toMatchObject({ ...root, creditedWei: 950n, treeSize: 17n });
    expect(await settlement.call('epoch')).toBe(1n);
  });
});

describe('exit', () => {
  it('lets everybody leave with the last root, however much was taken before, and nobody twice', async () => {
    const settlement = await Settlement.deploy(chain);
    const payees = [0, 1, 2, 3, 4].map((number) => payeeOf(10 + number));
    await settlement.depositEth(user, 10_000n);
    await settlement.postRoot(treeOf([{ account: payees[0]!, cumulativeWei: 10_000n }]).root);
    const entitlements = payees.map((account, index) => ({
      account,
      cumulativeWei: 1_000n * BigInt(index + 1) - 1_000n,
    }));
    const { root, claims } = treeOf(entitlements);
    await settlement.postRoot({ ...root, creditedWei: 10_000n });
    await settlement.send(
      other,
      'withdrawFor',
      await settlement.voucher({ account: payees[4]!, cumulativeWei: 1_500n }),
    );
    await settlement.depositEth(third, 77n);
    expect(await settlement.refusal(user, 'claim', claims[0])).toBe('ExitNotBegun');
    await chain.pass(EXIT_DELAY_SEC + 1n);
    expect(await settlement.call('exitBegun')).toBe(true);
    const before = await settlement.balanceWei(third);
    await settlement.send(other, 'refundDeposit', [third, 10_000n, 77n]);
    expect(await settlement.balanceWei(third)).toBe(before + 77n);
    for (const claim of claims) await settlement.send(other, 'claim', claim);
    const paid = await Promise.all(payees.map((payee) => settlement.balanceWei(payee)));
    expect(paid).toEqual(entitlements.map(({ cumulativeWei }) => cumulativeWei));
    expect(await settlement.balanceWei()).toBe(0n);
  });

  it('gives a deposit back to the wei where a root credits a part of it', async () => {
    const settlement = await Settlement.deploy(chain);
    const payee = payeeOf(30);
    await settlement.send(user, 'deposit', [payee, 100n], 100n);
    await settlement.postRoot({ creditedWei: 40n });
    await chain.pass(EXIT_DELAY_SEC + 1n);
    const { events } = await settlement.send(user, 'refundDeposit', [payee, 0n, 100n]);
    expect(events).toMatchObject([{ eventName: 'DepositRefunded', args: { startWei: 40n, amountWei: 60n } }]);
    expect(await settlement.balanceWei(payee)).toBe(60n);
  });

  it('gives all back when no root was ever posted', async () => {
    const settlement = await Settlement.deploy(chain);
    const payee = payeeOf(31);
    await settlement.send(user, 'deposit', [payee, 100n], 100n);
    await chain.pass(EXIT_DELAY_SEC + 1n);
    await settlement.send(user, 'refundDeposit', [payee, 0n, 100n]);
    expect(await settlement.balanceWei(payee)).toBe(100n);
  });

  it('does not begin while roots are posted', async () => {
    const settlement = await Settlement.deploy(chain);
    for (let round = 0; round < 3; round += 1) {
      await chain.pass(EXIT_DELAY_SEC - 10n);
      await settlement.postRoot();
    }
    expect(await settlement.call('exitBegun')).toBe(false);
  });
});

describe('tokens', () => {
  it.each(['PlainToken', 'SilentToken'] as const)('go in and out of a market of a %s', async (name) => {
    const token = await deployTestContract(chain, name, user);
    const settlement = await Settlement.deploy(chain, { token: token.address });
    const payee = payeeOf(40);
    await depositTokens(token, settlement, user, 100n);
    await settlement.send(user, 'withdrawFor', await settlement.voucher({ account: payee, cumulativeWei: 60n }));
    expect(await token.call('balanceOf', [payee])).toBe(60n);
    expect(await token.call('balanceOf', [settlement.address])).toBe(40n);
  });

  it.each([true, false])(
    'that call back in are found to have been served already (before the money moves: %s)',
    async (isBefore) => {
      const token = await deployTestContract(chain, 'ReenteringToken', user);
      const settlement = await Settlement.deploy(chain, { token: token.address });
      await depositTokens(token, settlement, user, 1_000n);
      const voucher = await settlement.voucher({ account: other, cumulativeWei: 300n });
      await token.send(user, 'plan', [settlement.address, settlement.data('withdrawFor', voucher), isBefore]);
      await settlement.send(user, 'withdrawFor', voucher);
      expect(await token.call('wasDone')).toBe(false);
      expect(await token.call('balanceOf', [other])).toBe(300n);
      expect(await token.call('balanceOf', [settlement.address])).toBe(700n);
    },
  );

  it.each([true, false])(
    'cannot have one transfer counted as two deposits (before the money moves: %s)',
    async (isBefore) => {
      const token = await deployTestContract(chain, 'ReenteringToken', user);
      const settlement = await Settlement.deploy(chain, { token: token.address });
      await token.send(user, 'transfer', [token.address, 500n]);
      await token.send(user, 'approveFor', [settlement.address, 500n]);
      await token.send(user, 'approve', [settlement.address, 100n]);
      await token.send(user, 'plan', [settlement.address, settlement.data('deposit', [other, 40n]), isBefore]);
      expect(await settlement.refusal(user, 'deposit', [user, 100n])).toBe('TokenTookAnotherAmount');
      expect(await settlement.call('totalDepositedWei')).toBe(0n);
    },
  );
});

describe('accounts that are contracts', () => {
  it('call back in when they are paid, and are not paid again', async () => {
    const settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 1_000n);
    const account = await deployTestContract(chain, 'ContractAccount', user);
    const voucher = await settlement.voucher({ account: account.address, cumulativeWei: 300n });
    await account.send(user, 'plan', [settlement.address, settlement.data('withdrawFor', voucher)]);
    await settlement.send(other, 'withdrawFor', voucher);
    expect(await account.call('wasDone')).toBe(false);
    expect(await settlement.balanceWei(account.address)).toBe(300n);
  });
});

describe('the coordinator', () => {
  it('is followed by its successor when the time has come, and not before', async () => {
    const settlement = await Settlement.deploy(chain);
    await settlement.depositEth(user, 1_000n);
    const { events } = await settlement.send(coordinator, 'announceCoordinator', [other]);
    expect(events).toMatchObject([{ eventName: 'CoordinatorAnnounced' }]);
    const voucher = await settlement.voucher({ account: user, cumulativeWei: 10n });
    const bySuccessor = await settlement.voucher(
      { account: user, cumulativeWei: 20n },
      undefined,
      anvilAccount(2) as never,
    );
    expect(await settlement.refusal(user, 'withdrawFor', bySuccessor)).toBe('WrongSignature');
    await chain.pass(ROTATION_DELAY_SEC);
    await settlement.send(user, 'applyCoordinator');
    expect((await settlement.call<Address>('coordinator')).toLowerCase()).toBe(other);
    expect(await settlement.refusal(user, 'withdrawFor', voucher)).toBe('WrongSignature');
    await settlement.send(user, 'withdrawFor', bySuccessor);
    expect(await settlement.refusal(coordinator, 'postRoot', [1n, await settlement.emptyRoot()])).toBe(
      'NotCoordinator',
    );
    await settlement.send(other, 'postRoot', [1n, await settlement.emptyRoot()]);
  });

  it('has no function besides those that the interface names', () => {
    const functions = SETTLEMENT_ABI.flatMap((item) => {
      return item.type === 'function' && item.stateMutability !== 'view' ? [item.name] : [];
    });
    expect(functions.sort()).toEqual(
      [
        'announceCoordinator',
        'applyCoordinator',
        'claim',
        'commitJobSet',
        'deposit',
        'payEarnings',
        'postRoot',
        'refundDeposit',
        'settleBatch',
        'storeKey',
        'withdrawFor',
        'withdrawFunds',
      ].sort(),
    );
  });
});
