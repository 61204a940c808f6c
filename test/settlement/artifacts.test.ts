import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CONTRACTS_FOLDER, compileContracts, readContractSources } from '#settlement/contracts/compileContracts.js';
import { settlementAbiSource, settlementBytecodeSource } from '#settlement/contracts/settlementSource.js';

/** The most code that a contract may have. Source: EIP-170. */
const CODE_BYTES_MAX = 24_576;

it('ABI and bytecode are what the compiler makes of the committed source', { timeout: 300_000 }, () => {
  const { Settlement } = compileContracts(readContractSources());
  const committed = (name: string) => readFileSync(`${CONTRACTS_FOLDER}/${name}`, 'utf8');
  expect(committed('settlementAbi.ts')).toBe(settlementAbiSource(Settlement!));
  expect(committed('settlementBytecode.ts')).toBe(settlementBytecodeSource(Settlement!));
  expect(Settlement!.deployedBytes).toBeLessThanOrEqual(CODE_BYTES_MAX);
});
