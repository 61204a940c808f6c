import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Address, Hex } from '#protocol/units.js';

/** The fields of a login message that matter here. Times are Unix milliseconds. */
export interface LoginMessage {
  /** Host, with its port where it has one, that the user was told it logs in to. */
  domain: string;
  address: Address;
  uri: string;
  chainId: number;
  nonce: string;
  issuedAtMs: number;
  expirationTimeMs: number | null;
  notBeforeMs: number | null;
}

const RFC3339 = '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(?:\\.\\d{1,9})?(?:Z|[+-]\\d{2}:\\d{2})';

/** The one layout of EIP-4361; the statement is a line of printable ASCII, resources are not taken. */
const LAYOUT = new RegExp(
  [
    '^(?:https?://)?(?<domain>[A-Za-z0-9.:_\\[\\]-]{1,255}) wants you to sign in with your Ethereum account:',
    '(?<address>0x[0-9a-fA-F]{40})',
    '(?:\\n(?<statement>[\\x20-\\x7e]{1,1000}))?',
    '',
    'URI: (?<uri>[\\x21-\\x7e]{1,1000})',
    'Version: 1',
    'Chain ID: (?<chainId>[1-9]\\d{0,15})',
    'Nonce: (?<nonce>[A-Za-z0-9]{8,128})',
    `Issued At: (?<issuedAt>${RFC3339})(?:\\nExpiration Time: (?<expirationTime>${RFC3339}))?` +
      `(?:\\nNot Before: (?<notBefore>${RFC3339}))?(?:\\nRequest ID: [\\x21-\\x7e]{0,200})?$`,
  ].join('\\n'),
);

/**
 * Reads a login message ("Sign-In with Ethereum"). Strict: fields in their order, one line each, nothing besides.
 * @returns null when the text is none
 * Source: EIP-4361, "Message Format"
 */
export function parseLoginMessage(text: string): LoginMessage | null {
  const found = LAYOUT.exec(text)?.groups;
  if (!found) return null;
  const issuedAtMs = Date.parse(found.issuedAt!);
  const expirationTimeMs = found.expirationTime === undefined ? null : Date.parse(found.expirationTime);
  const notBeforeMs = found.notBefore === undefined ? null : Date.parse(found.notBefore);
  if ([issuedAtMs, expirationTimeMs, notBeforeMs].some((time) => Number.isNaN(time))) return null;
  return {
    domain: found.domain!.toLowerCase(),
    address: found.address!.toLowerCase() as Address,
    uri: found.uri!,
    chainId: Number(found.chainId),
    nonce: found.nonce!,
    issuedAtMs,
    expirationTimeMs,
    notBeforeMs,
  };
}

/** Host, with its port where it has one, of a URI; null when it is none. */
export function hostOfUri(uri: string): string | null {
  try {
    return new URL(uri).host.toLowerCase();
  } catch {
    return null;
  }
}

/** What a wallet signs when it is handed a text (`personal_sign`). Source: EIP-191, version 0x45 */
export function loginDigestOf(text: string): Hex {
  const bytes = utf8ToBytes(text);
  const prefix = utf8ToBytes(`\x19Ethereum Signed Message:\n${bytes.length}`);
  return `0x${bytesToHex(keccak_256(concatBytes(prefix, bytes)))}`;
}
