import { type Abi, formatAbi } from 'abitype';
import type { CompiledContract } from './compileContracts.js';

/** Written above what the compiler made. */
const NOTICE = 'Made by `npm run contracts:build` from the Solidity beside it; a test holds it to that.';

/** The text of settlementAbi.ts: the ABI one line an item, so that a change of it can be read. */
export function settlementAbiSource({ abi }: CompiledContract): string {
  const lines = formatAbi(abi as unknown as Abi).map((item) => `  '${item}',`);
  return [
    "import { parseAbi } from 'viem';",
    '',
    `/** The settlement contract's ABI. ${NOTICE} */`,
    'export const SETTLEMENT_ABI = parseAbi([',
    ...lines,
    ']);',
    '',
  ].join('\n');
}

/** The text of settlementBytecode.ts: the code that deploys the contract, on one line. */
export function settlementBytecodeSource({ bytecode }: CompiledContract): string {
  return [
    `/** The code that deploys the settlement contract. ${NOTICE} */`,
    'export const SETTLEMENT_BYTECODE =',
    `  '${bytecode}';`,
    '',
  ].join('\n');
}
