/** The coordinator's key on the chain: signs vouchers, roots and job sets, and pays for their gas. */
import type { PrivateKeyAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { openSecretFile } from '#journal/secretFile.js';
import type { Hex } from '#protocol/units.js';

/** Loads the key, or makes one at the first start: a key file as agents have it, mode 0600. Throws SecretFileError. */
export function openChainKey(file: string): PrivateKeyAccount {
  const bytes = openSecretFile(file, newKeyFile, (found) => keyOf(found) !== null);
  return privateKeyToAccount(keyOf(bytes)!);
}

function newKeyFile(): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ privateKey: generatePrivateKey() })}\n`);
}

function keyOf(bytes: Uint8Array): Hex | null {
  try {
    const { privateKey } = JSON.parse(new TextDecoder().decode(bytes)) as { privateKey?: unknown };
    return typeof privateKey === 'string' && /^0x[0-9a-f]{64}$/i.test(privateKey) ? (privateKey as Hex) : null;
  } catch {
    return null;
  }
}
