/** A market whose money is on a chain: real agents, real zkProofs, a contract that checks them, and an end without a coordinator. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFunctionData } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { exitByLog } from '#cli/exitByLog.js';
import { digestOf } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import { compactSignature } from '#protocol/voucher.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { sendAs } from '#settlement/sendAs.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { EXIT_DELAY_SEC, type LiveChain } from '../setup/liveChain.js';
import { ETHER, LiveMarket } from '../setup/liveMarket.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
let chain: LiveChain;
let folder: string;
const secret = newPrivateKey();
const saver = { ...accountOf(secret), key: privateKeyToAccount(secret) };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-exit-'));
  market = await LiveMarket.open({ chain: true });
  chain = market.chain!;
});

afterAll(async () => {
  await market?.close();
  rmSync(folder, { recursive: true, force: true });
});

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

let agents: InstantAgent[] = [];

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
});

it('pays a withdrawal by its voucher, and the audit finds log and chain in agreement', async () => {
  await market.fund(saver.address, 3n * ETHER);
  const { chainId, coordinatorId } = market.view;
  const message = { account: saver.address, cumulativeWei: `${ETHER}`, issuedAtMs: Date.now() };
  const signature = saver.signDigest(digestOf({ chainId, coordinatorId }, 'Withdrawal', message));
  await market.client().call('requestWithdrawal', { body: { message, signature } });
  const look = async () => {
    const view = await market.client().call('getVoucher', { params: { account: saver.address } });
    return view.cumulativeWei === `${ETHER}` && view;
  };
  const voucher = await until(look, 'the voucher', 60_000);
  const { r, vs } = compactSignature(voucher.signature as Hex);
  const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName: 'withdrawFunds', args: [ETHER, r, vs] });
  await chain.client.setBalance({ address: saver.address, value: ETHER });
  await sendAs(chain.chain, saver.key, { to: chain.contract, data }, async () => {});
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
    [saver.address, market.requester.address].map(async (account) => ({ account, wei: await market.freeWei(account) })),
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
  const keyFile = join(folder, 'saver.json');
  writeFileSync(keyFile, JSON.stringify({ privateKey: secret }), { mode: 0o600 });
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
  for (const account of others) await exitByLog(join(folder, 'log'), chain.chain, payer, () => {}, { account, pause });
  expect(await chain.heldWei()).toBe(0n);
});
