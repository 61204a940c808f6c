/** Signed messages of many accounts, made before a measurement begins. */
import { type Account, accountOf, newPrivateKey, randomBytes32 } from '#agent/client/account.js';
import type { Bid, Messages, MessageType } from '#protocol/messages.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';

/** Fresh accounts. */
export function newAccounts(count: number): Account[] {
  return Array.from({ length: count }, () => accountOf(newPrivateKey()));
}

/** A message with its signature, and whatever else its route takes, as the body of a request. */
export function signedBody<Type extends MessageType>(
  domain: SigningDomain,
  type: Type,
  account: Account,
  message: Messages[Type],
  rest: object = {},
): string {
  return JSON.stringify({ message, signature: account.signDigest(digestOf(domain, type, message)), ...rest });
}

/** The registration of a prover that owns itself. */
export function registrationBody(domain: SigningDomain, account: Account, nowMs: number): string {
  const { address } = account;
  const message = { prover: address, owner: address, name: 'bench', issuedAtMs: nowMs };
  return signedBody(domain, 'ProverRegistration', account, message, { ownerSignature: null });
}

/** A bid that counts in any round that closes within a day. */
export function bidBody(
  domain: SigningDomain,
  account: Account,
  terms: Pick<Bid, 'roundId' | 'priceWei' | 'standbyWei'> & { nowMs: number },
): string {
  const { nowMs, ...rest } = terms;
  return signedBody(domain, 'Bid', account, {
    ...rest,
    prover: account.address,
    maxJobs: 10_000,
    maxConcurrent: 8,
    provingMsP95: 10,
    expiresAtMs: nowMs + 86_400_000,
    salt: randomBytes32(),
  });
}
