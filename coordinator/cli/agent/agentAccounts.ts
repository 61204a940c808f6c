/** The accounts that an agent works with, from its key files or the environment. */
import { type Account, accountOf } from '#agent/client/account.js';
import { openKeyFile } from '#agent/client/keyFile.js';
import { ConfigError } from '#agent/config.js';
import type { AgentSettings } from '#agent/settings/agentSettings.js';
import type { Address } from '#protocol/units.js';

/** The prover's account, and the owner's as far as it is known here. */
export interface AgentAccounts {
  account: Account;
  owner: Account | null;
  ownerAddress: Address | null;
}

/** Opens the accounts of the settings. Throws ConfigError, KeyFileError or RangeError. */
export function openAccounts({ keyFile, owner: ownerAddress, ownerKeyFile }: AgentSettings): AgentAccounts {
  const fromEnvironment = process.env.UNDERSTUDY_KEY;
  // Neither this process's children nor a dump of its environment need the key.
  delete process.env.UNDERSTUDY_KEY;
  if (!keyFile && !fromEnvironment) throw new ConfigError('give --key-file or set UNDERSTUDY_KEY');
  const account = keyFile ? openKeyFile(keyFile) : accountOf(fromEnvironment!);
  const owner = ownerKeyFile ? openKeyFile(ownerKeyFile) : null;
  if (owner && ownerAddress && owner.address !== ownerAddress) {
    throw new ConfigError(`--owner-key-file holds the key of ${owner.address}, not of --owner ${ownerAddress}`);
  }
  return { account, owner, ownerAddress };
}
