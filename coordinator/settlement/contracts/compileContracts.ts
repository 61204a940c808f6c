import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Where the contract's sources lie: this folder among the sources, not the compiled one. */
export const CONTRACTS_FOLDER = fileURLToPath(
  new URL('../../../../coordinator/settlement/contracts/', import.meta.url),
);

/** Solidity sources by file name. */
export type ContractSources = Readonly<Record<string, string>>;

/** What the compiler makes of a contract. */
export interface CompiledContract {
  /** As JSON, for viem. */
  abi: readonly Record<string, unknown>[];
  /** `0x` and the code that deploys it, without the arguments of its constructor. */
  bytecode: `0x${string}`;
  /** Bytes of the code that stays on chain. */
  deployedBytes: number;
}

interface SolcOutput {
  errors?: { severity: string; formattedMessage: string }[];
  contracts?: Record<
    string,
    Record<
      string,
      {
        abi: Record<string, unknown>[];
        evm: { bytecode: { object: string }; deployedBytecode: { object: string } };
      }
    >
  >;
}

/** The settings that the committed bytecode was made with. No metadata, so that comments do not change the code. */
const SETTINGS = {
  evmVersion: 'cancun',
  viaIR: true,
  optimizer: { enabled: true, runs: 100_000 },
  metadata: { appendCBOR: false, bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
};

/** The contract's own sources. */
export function readContractSources(folder: string = CONTRACTS_FOLDER): ContractSources {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sol'));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(`${folder}/${name}`, 'utf8')]));
}

/**
 * Compiles Solidity with the npm package `solc`, which only development installs: whoever runs a market deploys the committed
 * bytecode. Takes seconds and blocks the thread.
 *
 * @returns the contracts by name, of all sources
 * @throws Error with the compiler's words, for warnings too
 */
export function compileContracts(sources: ContractSources): Record<string, CompiledContract> {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(sources).map(([name, content]) => [name, { content }])),
    settings: SETTINGS,
  };
  const { errors = [], contracts = {} } = JSON.parse(solc.compile(JSON.stringify(input))) as SolcOutput;
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  return Object.fromEntries(
    Object.values(contracts).flatMap((ofFile) =>
      Object.entries(ofFile).map(([name, { abi, evm }]) => [
        name,
        {
          abi,
          bytecode: `0x${evm.bytecode.object}` as const,
          deployedBytes: evm.deployedBytecode.object.length / 2,
        },
      ]),
    ),
  );
}
