/** Putting money into a market's contract, from a terminal. */
import { encodeFunctionData, erc20Abi, type PublicClient } from 'viem';
import type { Address } from '#protocol/units.js';
import type { ChainClient } from '#settlement/chainClient.js';
import { revertReason } from '#settlement/chainErrors.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { amountText, type MoneyUnit, readMoneyUnit } from '#settlement/moneyUnit.js';
import { type SendingKey, sendAs } from '#settlement/sendAs.js';

/** What is put where. */
export interface ChainDepositOrder {
  contract: Address;
  /** The ERC-20 that the contract holds; null for the chain's coin. */
  token: Address | null;
  /** Whose money in the market it becomes. */
  account: Address;
  amountWei: bigint;
}

/** How a command speaks and waits. */
export interface Terminal {
  say(line: string): void;
  /** Between two looks for a transaction. */
  pause(): Promise<void>;
}

/**
 * Deposits, after an approval where the contract holds a token and has none that suffices.
 *
 * @param key - whose coins or tokens they are, and who pays for gas
 * @returns the block, and the amount in words
 * @throws ContractRefusalError, for tokens that take fees above all; nothing is moved then
 */
export async function depositToChain(
  chain: Pick<ChainClient, 'use'>,
  key: SendingKey,
  { contract, token, account, amountWei }: ChainDepositOrder,
  terminal: Terminal,
): Promise<{ blockNumber: bigint; amount: string }> {
  const unit = await chain.use((client) => readMoneyUnit(client, token));
  if (token) await approve(chain, key, { contract, token, amountWei }, unit, terminal);
  const args = [account, amountWei] as const;
  const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName: 'deposit', args });
  const sending = { to: contract, data, valueWei: token ? 0n : amountWei };
  const { blockNumber } = await sendAs(chain, key, sending, terminal.pause);
  return { blockNumber, amount: amountText(amountWei, unit) };
}

async function approve(
  chain: Pick<ChainClient, 'use'>,
  key: SendingKey,
  { contract, token, amountWei }: Omit<ChainDepositOrder, 'account' | 'token'> & { token: Address },
  unit: MoneyUnit | null,
  { say, pause }: Terminal,
): Promise<void> {
  const { heldWei, approvedWei } = await chain.use(async (client) => ({
    heldWei: await client.readContract({ ...at(token), functionName: 'balanceOf', args: [key.address] }),
    approvedWei: await allowanceWei(client, token, key.address, contract),
  }));
  if (heldWei < amountWei) {
    throw new Error(`${key.address} holds ${amountText(heldWei, unit)} of the token ${token}: too little`);
  }
  if (approvedWei >= amountWei) return;
  const send = async (wei: bigint) => {
    const data = encodeFunctionData({ ...at(token), functionName: 'approve', args: [contract, wei] });
    await sendAs(chain, key, { to: token, data }, pause);
  };
  // Some tokens change an approval only by way of none.
  if (approvedWei > 0n) await send(0n);
  await send(amountWei);
  say(`approved: the contract may take ${amountText(amountWei, unit)} of the token ${token}`);
}

const at = (address: Address) => ({ address, abi: erc20Abi });

/** What the contract may take already; nothing of a token that does not say. */
async function allowanceWei(client: PublicClient, token: Address, owner: Address, spender: Address): Promise<bigint> {
  try {
    return await client.readContract({ ...at(token), functionName: 'allowance', args: [owner, spender] });
  } catch (error) {
    if (revertReason(error) === null) throw error;
    return 0n;
  }
}
