/** Binds a market to the chain that its coordinator was started with, and follows it. */
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type PublicClient, zeroAddress } from 'viem';
import type { Journal } from '#journal/journalPort.js';
import type { ChainTerms } from '#protocol/chainEntries.js';
import type { Address } from '#protocol/units.js';
import { ChainClient } from '#settlement/chainClient.js';
import { openChainKey } from '#settlement/chainKey.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { type SettlementService, startSettlement } from '#settlement/settlementService.js';
import { ConfigError, type CoordinatorConfig } from './config.js';

const WEI_PER_GWEI = 10n ** 9n;

/** The configured chain; null without one. */
export function chainOf(config: CoordinatorConfig, { nowMs, log }: { nowMs: () => number; log: Logger }) {
  return config.chainUrls.length > 0 ? new ChainClient({ urls: config.chainUrls, nowMs, log }) : null;
}

/** The chain key of a coordinator, made at the first start. */
export function chainKeyOf({ dataDir, chainKeyFile }: CoordinatorConfig) {
  return openChainKey(chainKeyFile ?? join(dataDir, 'chain-key.json'));
}

interface Binding {
  chain: ChainClient | null;
  journal: Journal;
  log: Logger;
}

/**
 * Binds the market at the first start with a chain; later makes sure that it is the same one.
 * @throws ConfigError when the market cannot be bound to this chain and contract
 */
export async function bindToChain(config: CoordinatorConfig, { chain, journal, log }: Binding): Promise<void> {
  const bound = journal.state().settlement?.terms;
  if (!chain) {
    log.warn({ contract: bound?.contract }, 'the market’s money is on a chain and no --chain is given: deposits wait');
    return;
  }
  chain.expectChain(journal.state().market!.chainId);
  if (bound) {
    if (config.settlement && config.settlement !== bound.contract) {
      throw new ConfigError(`--settlement: the market is bound to the contract ${bound.contract} for ever`);
    }
    return;
  }
  const { settlement } = config;
  if (!settlement) {
    throw new ConfigError('--chain needs --settlement, the address that "understudy settlement deploy" has printed');
  }
  const terms = await chain.use((client) => readTerms(client, config, settlement));
  const { address } = chainKeyOf(config);
  if (terms.coordinator !== address.toLowerCase()) {
    throw new ConfigError(
      `--settlement: the contract’s coordinator is ${terms.coordinator}, and this chain key is ${address}; give its key file`,
    );
  }
  const { coordinator: _coordinator, ...attached } = terms;
  const outcome = await journal.execute({ kind: 'attachChain', terms: attached }, null);
  if (!outcome.ok) throw new ConfigError(`--chain: the market cannot be bound to it: ${outcome.rejection.detail}`);
}

/** Starts to follow the chain. */
export function followChain(
  config: CoordinatorConfig,
  parts: { chain: ChainClient; pool: Pool; journal: Journal; nowMs: () => number; log: Logger },
): SettlementService {
  const maxFeePerGasWei = BigInt(config.maxFeeGwei) * WEI_PER_GWEI;
  return startSettlement({ ...parts, key: chainKeyOf(config), maxFeePerGasWei }, config.chainPollMs);
}

/** What the contract says of itself, and how the market will follow it. */
async function readTerms(
  client: PublicClient,
  { confirmations, epochMs, settlementBlock }: CoordinatorConfig,
  contract: Address,
): Promise<ChainTerms & { coordinator: Address }> {
  if (!(await client.getCode({ address: contract }))) {
    throw new ConfigError(`--settlement: there is no contract at ${contract} on chain ${await client.getChainId()}`);
  }
  const at = { address: contract, abi: SETTLEMENT_ABI };
  const [token, exitDelaySec, coordinator, chainId] = await Promise.all([
    client.readContract({ ...at, functionName: 'token' }),
    client.readContract({ ...at, functionName: 'exitDelaySec' }),
    client.readContract({ ...at, functionName: 'coordinator' }),
    client.getChainId(),
  ]);
  return {
    chainId,
    contract,
    token: token === zeroAddress ? null : (token.toLowerCase() as Address),
    deployBlock: settlementBlock ?? (await deployBlockOf(client, contract)),
    confirmations,
    epochMs,
    exitDelaySec: Number(exitDelaySec),
    coordinator: coordinator.toLowerCase() as Address,
  };
}

/** The first block with the contract's code, by halving. Needs a provider that keeps old states. */
async function deployBlockOf(client: PublicClient, contract: Address): Promise<number> {
  let [before, from] = [-1, Number(await client.getBlockNumber())];
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    try {
      const code = await client.getCode({ address: contract, blockNumber: BigInt(middle) });
      if (code) from = middle;
      else before = middle;
    } catch (cause) {
      throw new ConfigError('the provider does not keep old states: give --settlement-block', { cause });
    }
  }
  return from;
}
