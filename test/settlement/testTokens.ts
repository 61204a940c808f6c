/** Tokens and accounts that behave badly in one way each, compiled once for a test file. */
import { readFileSync } from 'node:fs';
import type { Abi } from 'viem';
import type { Address } from '#protocol/units.js';
import { type CompiledContract, compileContracts } from '#settlement/contracts/compileContracts.js';
import type { Chain, Contract, Settlement } from './settlementChain.js';

const SOURCE = new URL('./tokens/TestTokens.sol', import.meta.url);
let compiled: Record<string, CompiledContract> | undefined;

/** The contract of this name, compiled. */
export function testContract(name: TestContract): CompiledContract {
  compiled ??= compileContracts({ 'TestTokens.sol': readFileSync(SOURCE, 'utf8') });
  return compiled[name]!;
}

export type TestContract =
  | 'PlainToken'
  | 'FeeToken'
  | 'CarefulToken'
  | 'SulkingToken'
  | 'ReenteringToken'
  | 'SilentToken'
  | 'ContractAccount'
  | 'Observer';

/** Deploys one of them from `from`, to whom a token's whole supply belongs. */
export async function deployTestContract(
  chain: Chain,
  name: TestContract,
  from: Address,
  supply = 10n ** 24n,
): Promise<Contract> {
  const { abi, bytecode } = testContract(name);
  return chain.deploy(abi as unknown as Abi, bytecode, name.endsWith('Token') ? [supply] : [], from);
}

/** Approves and deposits tokens of an account for itself. */
export async function depositTokens(token: Contract, settlement: Settlement, account: Address, amountWei: bigint) {
  await token.send(account, 'approve', [settlement.address, amountWei]);
  return settlement.send(account, 'deposit', [account, amountWei]);
}
