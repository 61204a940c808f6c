import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { PrivateKeyAccount } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { KeyFileError, kindOfKeyFile } from '#agent/client/keyFile.js';
import type { Address, Hex } from '#protocol/units.js';
import { ChainClient } from '#settlement/chainClient.js';

/** Between two looks for a transaction, in milliseconds. */
const LOOK_MS = 1_000;

/** The account of a bare key file as viem takes it, which sends its own transactions. Throws KeyFileError. */
export function chainAccountOf(file: string): PrivateKeyAccount & { address: Address } {
  if (kindOfKeyFile(file) !== 'bare') {
    throw new KeyFileError(`${file} is no bare key file: transactions are signed with one as "account new" makes it`);
  }
  const { privateKey } = JSON.parse(readFileSync(file, 'utf8')) as { privateKey: Hex };
  const account = privateKeyToAccount(privateKey);
  return { ...account, address: account.address.toLowerCase() as Address };
}

/** A chain at a terminal. */
export function chainAt(urls: readonly string[]): ChainClient {
  if (urls.length === 0) throw new InvalidArgumentError('Give the chain’s JSON-RPC address with --chain.');
  const warn = (fields: object, message: string) => console.error(`${message}: ${JSON.stringify(fields)}`);
  return new ChainClient({ urls, nowMs: () => Date.now(), log: { warn } });
}

/** Waits between two looks at a chain. */
export function pauseBetweenLooks(): Promise<void> {
  return delay(LOOK_MS);
}
