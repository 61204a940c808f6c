/** The accounts that an agent works with, from its key files or the environment. */
import { type Account, accountOf } from '#agent/client/account.js';
import { addressOfKeystore, kindOfKeyFile, openKeyFile, readPasswordFile } from '#agent/client/keyFile.js';
import { ConfigError } from '#agent/config.js';
import type { AgentSettings } from '#agent/settings/agentSettings.js';
import type { Address } from '#protocol/units.js';
import { askHidden, isAtTerminal } from './terminal.js';

/** The prover's account, and the owner's as far as it is known here. */
export interface AgentAccounts {
  account: Account;
  owner: Account | null;
  ownerAddress: Address | null;
}

/** The settings that say where keys are. */
export type KeySettings = Pick<AgentSettings, 'keyFile' | 'passwordFile' | 'owner' | 'ownerKeyFile'>;

/** Opens the accounts of the settings. Throws ConfigError, KeyFileError or RangeError. */
export async function openAccounts(settings: KeySettings): Promise<AgentAccounts> {
  const { ownerKeyFile, owner: ownerAddress } = settings;
  const account = await openProverAccount(settings);
  const ownerPassword = () => secretOf('UNDERSTUDY_OWNER_PASSWORD', null);
  const owner = ownerKeyFile ? await openExisting(ownerKeyFile, ownerPassword) : null;
  if (owner && ownerAddress && owner.address !== ownerAddress) {
    throw new ConfigError(`--owner-key-file holds the key of ${owner.address}, not of --owner ${ownerAddress}`);
  }
  return { account, owner, ownerAddress };
}

/** Opens the prover's account only: from its key file, made when missing unless it must exist, or from the environment. */
export async function openProverAccount(
  { keyFile, passwordFile }: KeySettings,
  missing: 'make' | 'mustExist' = 'make',
): Promise<Account> {
  // Neither this process's children nor a dump of its environment need the key.
  const fromEnvironment = taken('UNDERSTUDY_KEY');
  const password = () => secretOf('UNDERSTUDY_KEY_PASSWORD', passwordFile);
  if (!keyFile && !fromEnvironment) {
    throw new ConfigError('give --key-file, write file under [key], or set UNDERSTUDY_KEY');
  }
  if (!keyFile) return accountOf(fromEnvironment!);
  if (missing === 'make' && kindOfKeyFile(keyFile) === 'missing') return openKeyFile(keyFile, password());
  return openExisting(keyFile, password);
}

/** The prover's address: read without a password where a keystore says it. Throws ConfigError or KeyFileError. */
export function proverAddress({ keyFile, passwordFile }: KeySettings): Address {
  const fromEnvironment = taken('UNDERSTUDY_KEY');
  if (!keyFile && fromEnvironment) return accountOf(fromEnvironment).address;
  if (!keyFile) throw new ConfigError('give --key-file, write file under [key], or set UNDERSTUDY_KEY');
  const kind = kindOfKeyFile(keyFile);
  if (kind === 'missing') throw new ConfigError(`the key file ${keyFile} is not there`);
  return addressOfKeystore(keyFile) ?? openKeyFile(keyFile, secretOf('UNDERSTUDY_KEY_PASSWORD', passwordFile)).address;
}

/** Opens a key file that is there; asks for a keystore's password when it is given nowhere. */
export async function openExisting(path: string, password: () => string | null): Promise<Account> {
  const kind = kindOfKeyFile(path);
  if (kind === 'missing') throw new ConfigError(`the key file ${path} is not there`);
  const known = password();
  if (kind === 'bare') return openKeyFile(path);
  const asked = known === null && isAtTerminal() ? await askHidden(`Password of ${path}: `) : known;
  return openKeyFile(path, asked);
}

/** A password from its file or from the environment, where it does not stay; null when it is in neither. */
export function secretOf(variable: string, file: string | null): string | null {
  const fromEnvironment = taken(variable);
  return file ? readPasswordFile(file) : (fromEnvironment ?? null);
}

function taken(variable: string): string | undefined {
  const value = process.env[variable];
  delete process.env[variable];
  return value;
}
