/** What a market's money is called: the chain's coin, or a token by its own words. */
import { erc20Abi, type PublicClient } from 'viem';
import type { Address } from '#protocol/units.js';
import { isProviderFault } from './chainErrors.js';

/** A token's own words for its amounts. "wei" is the smallest unit of any money here, of a token's too. */
export interface MoneyUnit {
  symbol: string;
  /** Digits behind the point. */
  decimals: number;
}

/** Most digits behind the point that are shown: more than any token in use has. */
const DECIMALS_MAX = 36;

/** A token says what it likes: only what cannot be taken for something else at a terminal is shown. */
const SYMBOL = /^[\x21-\x7e]{1,16}$/;

/** Asks a token for its symbol and decimals; null for the chain's coin, and for a token that does not say them. */
export async function readMoneyUnit(client: PublicClient, token: Address | null): Promise<MoneyUnit | null> {
  if (!token) return null;
  const ask = (functionName: 'symbol' | 'decimals') =>
    client.readContract({ address: token, abi: erc20Abi, functionName }).catch(saidNothing);
  const [symbol, decimals] = await Promise.all([ask('symbol'), ask('decimals')]);
  if (typeof symbol !== 'string' || typeof decimals !== 'number') return null;
  return SYMBOL.test(symbol) && decimals <= DECIMALS_MAX ? { symbol, decimals } : null;
}

/** Neither function must be there (EIP-20). */
function saidNothing(error: unknown): null {
  if (isProviderFault(error)) throw error;
  return null;
}

/** An amount for people: `1500000 wei`, with a token's own words behind it: `1500000 wei (1.5 USDC)`. */
export function amountText(amountWei: bigint, unit: MoneyUnit | null): string {
  if (!unit) return `${amountWei} wei`;
  const digits = amountWei.toString().padStart(unit.decimals + 1, '0');
  const whole = digits.slice(0, digits.length - unit.decimals);
  const rest = digits.slice(whole.length).replace(/0+$/, '');
  return `${amountWei} wei (${whole}${rest && '.'}${rest} ${unit.symbol})`;
}
