import { writeFileSync } from 'node:fs';
import { CONTRACTS_FOLDER, compileContracts, readContractSources } from './compileContracts.js';
import { settlementAbiSource, settlementBytecodeSource } from './settlementSource.js';

// Run by `npm run contracts:build`: compiles the contract and writes its ABI and bytecode beside it.

const { Settlement } = compileContracts(readContractSources());
if (!Settlement) throw new Error('the compiler made no contract named Settlement');
writeFileSync(`${CONTRACTS_FOLDER}/settlementAbi.ts`, settlementAbiSource(Settlement));
writeFileSync(`${CONTRACTS_FOLDER}/settlementBytecode.ts`, settlementBytecodeSource(Settlement));
console.log(`Settlement: ${Settlement.deployedBytes} bytes on chain, of at most 24,576.`);
