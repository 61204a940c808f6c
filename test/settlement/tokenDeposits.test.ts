/** Deposits of tokens from a terminal: what is said when a token, its holder or the contract says no, and that nothing moves. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { depositToChain } from '#cli/depositToChain.js';
import type { Address } from '#protocol/units.js';
import { ChainClient } from '#settlement/chainClient.js';
import { contractRefusal } from '#settlement/contractRefusal.js';
import { deployContract } from '#settlement/deployContract.js';
import { amountText, readMoneyUnit } from '#settlement/moneyUnit.js';
import { anvilAccount, Chain, type Contract, Settlement } from './settlementChain.js';
import { deployTestContract, type TestContract } from './testTokens.js';

let chain: Chain;
let provider: ChainClient;
let token: Contract;
let settlement: Settlement;
let said: string[];
const rich = anvilAccount(1);
const poor = anvilAccount(2);
const noPause = async () => {};

beforeAll(async () => {
  chain = await Chain.start();
  provider = new ChainClient({ urls: [chain.node.url], nowMs: () => 0, log: { warn: () => {} } });
});

beforeEach(() => {
  said = [];
});

afterAll(() => chain?.node.stop());

async function open(name: TestContract): Promise<void> {
  token = await deployTestContract(chain, name, rich.address);
  settlement = await Settlement.deploy(chain, { token: token.address });
}

const deposit = (amountWei: bigint, key = rich) => {
  const order = { contract: settlement.address, token: token.address, account: poor.address, amountWei };
  return depositToChain(provider, key, order, { say: (line) => said.push(line), pause: noPause });
};
const totalWei = () => settlement.call<bigint>('totalDepositedWei');
const heldWei = (address: Address) => token.call<bigint>('balanceOf', [address]);

describe('a deposit of tokens', () => {
  it.each<[TestContract, string]>([
    ['FeeToken', 'TokenTookAnotherAmount): the token has moved another amount than it was told: tokens that take fees'],
    ['SulkingToken', 'TransferFailed): the token has refused to move the amount'],
  ])('is refused with the reason, and moves nothing: %s', async (name, words) => {
    await open(name);
    if (name === 'SulkingToken') await token.send(rich.address, 'sulk', [true]);
    const before = await heldWei(rich.address);
    await expect(deposit(1_000n)).rejects.toThrow(`the contract refuses it (${words}`);
    expect([await totalWei(), await heldWei(settlement.address), await heldWei(rich.address)]).toEqual([
      0n,
      0n,
      before,
    ]);
  });

  it('is refused before anything is approved when the account holds too little', async () => {
    await open('CarefulToken');
    await expect(deposit(1_500_000n, poor)).rejects.toThrow(`${poor.address} holds 0 wei (0 CTT) of the token`);
    expect(await token.call('allowance', [poor.address, settlement.address])).toBe(0n);
  });

  it('approves what it needs, by way of none where less was approved, and not what is approved already', async () => {
    await open('CarefulToken');
    await token.send(rich.address, 'approve', [settlement.address, 5n]);
    expect((await deposit(1_500_000n)).amount).toBe('1500000 wei (1.5 CTT)');
    await token.send(rich.address, 'approve', [settlement.address, 7n]);
    const sent = await chain.client.getTransactionCount({ address: rich.address });
    await deposit(7n);
    expect(await chain.client.getTransactionCount({ address: rich.address })).toBe(sent + 1);
    expect(said).toEqual([`approved: the contract may take 1500000 wei (1.5 CTT) of the token ${token.address}`]);
    expect([await totalWei(), await heldWei(settlement.address)]).toEqual([1_500_007n, 1_500_007n]);
  });

  it('needs no answers, and neither symbol, decimals nor allowance', async () => {
    await open('SilentToken');
    expect((await deposit(9n)).amount).toBe('9 wei');
    expect(await totalWei()).toBe(9n);
  });

  it('says so when the account has no coins for gas', async () => {
    await open('CarefulToken');
    await token.send(rich.address, 'transfer', [poor.address, 10n]);
    await chain.client.setBalance({ address: poor.address, value: 1n });
    await expect(deposit(10n, poor)).rejects.toThrow(`${poor.address} has too few coins of the chain`);
  });
});

it('deploys for no token that has no code', async () => {
  const terms = { token: poor.address, coordinator: rich.address, exitDelaySec: 3_600, rotationDelaySec: 600 };
  await expect(deployContract(provider, rich, terms, noPause)).rejects.toThrow('there is no contract at the token’s');
  expect(await provider.use((client) => readMoneyUnit(client, poor.address))).toBeNull();
});

it('shows amounts with a token’s own words, to the last digit', () => {
  const unit = { symbol: 'CTT', decimals: 6 };
  expect([0n, 1n, 1_000_000n, 12_345_600n].map((wei) => amountText(wei, unit))).toEqual([
    '0 wei (0 CTT)',
    '1 wei (0.000001 CTT)',
    '1000000 wei (1 CTT)',
    '12345600 wei (12.3456 CTT)',
  ]);
  expect(amountText(7n, { symbol: 'WHOLE', decimals: 0 })).toBe('7 wei (7 WHOLE)');
  expect(amountText(7n, null)).toBe('7 wei');
});

it('takes no other contract’s words for a refusal of its own', () => {
  const data = '0x08c379a0';
  expect(contractRefusal(Object.assign(new Error('reverted'), { data }))).toBeNull();
});
