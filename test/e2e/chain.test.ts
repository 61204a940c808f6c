/** A market whose money is on a chain: real agents, real zkProofs, a contract that checks them, and an end without a coordinator. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { chainEarnings } from '#agent/client/ledger.js';
import { earnedOnChain } from '#agent/status/moneyMoved.js';
import { exitByLog } from '#cli/exitByLog.js';
import type { Address } from '#protocol/units.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import type { TestContract } from '../settlement/testTokens.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { EXIT_DELAY_SEC, type LiveChain } from '../setup/liveChain.js';
import { ETHER, LiveMarket } from '../setup/liveMarket.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
let chain: LiveChain;
let folder: string;
let keyFile: string;
let agents: InstantAgent[] = [];
const secret = newPrivateKey();
const saver = { ...accountOf(secret), key: privateKeyToAccount(secret) };

const entriesOf = (type: string) => market.log.seen.filter(({ entry }) => entry.type === type);

async function understudy(...args: string[]): Promise<LiveProcess> {
  const process = new LiveProcess(args, {});
  await until(() => process.end !== null, `the end of ${args[0]}`, 120_000);
  return process;
}

/** What the contract owes by the market's own word, to the wei. */
async function owedWei(): Promise<bigint> {
  const { depositedWei } = await market.client().call('getChain', {});
  let paidWei = 0n;
  const accounts = new Set<Address>([
    market.requester.address,
    saver.address,
    ...agents.map((one) => one.account.address),
  ]);
  for (const account of accounts) {
    paidWei += await chain.read<bigint>('withdrawnWei', [account]);
    paidWei += (await chain.read<[bigint, bigint]>('earnings', [account]))[1];
  }
  return BigInt(depositedWei) - paidWei;
}

const MONEY: [name: string, chain: true | TestContract][] = [
  ['ETH', true],
  ['a plain token', 'PlainToken'],
  ['a token that answers nothing and has six decimals', 'CarefulToken'],
];

describe.each(MONEY)('a market of %s', (_, money) => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'understudy-exit-'));
    keyFile = join(folder, 'saver.json');
    writeFileSync(keyFile, JSON.stringify({ privateKey: secret }), { mode: 0o600 });
    market = await LiveMarket.open({ chain: money });
    chain = market.chain!;
  });

  afterAll(async () => {
    await market?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('settles a block by its zkProofs on chain, and everything agrees to the wei', async () => {
    agents = await Promise.all([
      InstantAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n }),
      InstantAgent.start(market, { name: 'dear', priceWei: 1_500_000_000_000n }),
    ]);
    const order = await market.order(BLOCK_8, { settlement: 'chain' });
    await market.submit(order);
    await market.log.wait('blockCompleted', order.blockId, 1, 120_000);
    const committed = await until(() => entriesOf('jobSetCommitted')[0]?.entry as never, 'the set is committed');
    await until(() => entriesOf('jobSetSettled')[0], 'the contract has settled the set', 60_000);
    const earned = new Map<string, bigint>();
    for (const { payee, amountWei } of (committed as { items: { payee: string; amountWei: string }[] }).items) {
      earned.set(payee, (earned.get(payee) ?? 0n) + BigInt(amountWei));
    }
    expect(earned.size).toBeGreaterThan(0);
    for (const [payee, wei] of earned) {
      expect((await chain.read<[bigint, bigint]>('earnings', [payee]))[0]).toBe(wei);
    }
    expect(await chain.heldWei()).toBe(await owedWei());
    // What an agent reads of its earnings is what the whole log says.
    for (const payee of earned.keys()) {
      const whole = market.log.seen.flatMap(({ entry, index }) =>
        entry.type === 'jobSetCommitted'
          ? earnedOnChain(entry, payee as Address).map((one) => ({ ...one, atMs: entry.atMs, entryIndex: index }))
          : [],
      );
      const read = await chainEarnings(market.client(), payee as Address);
      expect(read).toEqual({ earnings: whole, missingWei: 0n });
      expect(whole.length).toBeGreaterThan(0);
    }
  });

  it('pays a withdrawal by its voucher, and the audit finds log and chain in agreement', async () => {
    const [wei, ofMarket] = [`${ETHER}`, ['--coordinator', market.coordinator.url, '--key-file', keyFile]];
    await chain.enrich(saver.address, 3n * ETHER);
    const ofChain = [...ofMarket, '--chain', chain.url];
    const deposit = await understudy('account', 'deposit', ...ofChain, '--amount-wei', `${3n * ETHER}`);
    expect([deposit.end, deposit.texts.join('\n')]).toEqual([
      0,
      expect.stringContaining(money === 'CarefulToken' ? ' wei (3000000000000 CTT) in block' : ' wei in block'),
    ]);
    await until(async () => (await market.freeWei(saver.address)) === 3n * ETHER, 'the deposit is credited');
    expect((await understudy('account', 'withdraw', ...ofMarket, '--amount-wei', wei)).end).toBe(0);
    const voucherOf = () => market.client().call('getVoucher', { params: { account: saver.address } });
    await until(async () => (await voucherOf()).cumulativeWei === wei, 'the voucher', 60_000);
    const paid = await understudy('account', 'voucher', ...ofChain);
    expect(paid.end, paid.texts.join('\n')).toBe(0);
    // The same again pays nothing, and says so.
    const again = await understudy('account', 'voucher', ...ofChain);
    expect([again.end, again.texts.join('\n')]).toEqual([1, expect.stringContaining('the account has been paid')]);
    if (chain.token) expect(await chain.heldWei(saver.address)).toBe(ETHER);
    expect(await chain.read('withdrawnWei', [saver.address])).toBe(ETHER);
    expect(await chain.heldWei()).toBe(await owedWei());
    const audit = await understudy(
      'audit',
      market.coordinator.url,
      '--chain',
      chain.url,
      '--state',
      join(folder, 'state'),
    );
    expect(audit.texts.join('\n')).toContain('the log and its chain agree');
    expect(audit.end).toBe(0);
  });

  it('lets everybody leave with their money when the coordinator is gone for good', async () => {
    const held = await Promise.all(
      [saver.address, market.requester.address].map(async (account) => ({
        account,
        wei: await market.freeWei(account),
      })),
    );
    for (const agent of agents) await agent.stop();
    const before = entriesOf('rootPosted').length;
    await until(() => entriesOf('rootPosted').length > before + 1, 'a root over all of it', 60_000);
    // No further root comes through: the log that is exported now reaches as far as the last one.
    await chain.client.setAutomine(false);
    const exported = await understudy(
      'export',
      join(folder, 'log'),
      '--coordinator',
      market.coordinator.url,
      '--no-artifacts',
    );
    expect(exported.end).toBe(0);
    await market.coordinator.kill();
    await chain.client.request({ method: 'anvil_dropAllTransactions' as never });
    await chain.client.setAutomine(true);
    await chain.client.increaseTime({ seconds: EXIT_DELAY_SEC + 1 });
    await chain.client.mine({ blocks: 1 });
    const gone = await understudy(
      'account',
      'exit',
      '--log',
      join(folder, 'log'),
      '--chain',
      chain.url,
      '--key-file',
      keyFile,
    );
    expect(gone.end, gone.texts.join('\n')).toBe(0);
    const { wei } = held[0]!;
    expect(await chain.read('withdrawnWei', [saver.address])).toBe(ETHER + wei);
    expect(readFileSync(keyFile, 'utf8')).toContain('privateKey');
    // The others leave through the same door: anybody may send a claim for them.
    const pause = async () => {};
    const payer = { ...saver.key, address: saver.address };
    const others = [market.requester.address, ...agents.map(({ account }) => account.address)];
    for (const account of others)
      await exitByLog(join(folder, 'log'), chain.chain, payer, () => {}, { account, pause });
    expect(await chain.heldWei()).toBe(0n);
    if (!chain.token) return;
    // What was put in is with whom the ledger had it, to the wei.
    expect(await chain.heldWei(saver.address)).toBe(3n * ETHER);
    for (const account of others) {
      const [, earnedWei] = await chain.read<[bigint, bigint]>('earnings', [account]);
      expect(await chain.heldWei(account)).toBe((await chain.read<bigint>('withdrawnWei', [account])) + earnedWei);
    }
  });
});
