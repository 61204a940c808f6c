import { z } from 'zod';
import { proverRegistrationSchema } from '#protocol/messages.js';
import type { RouteCall } from '#protocol/routeCalls.js';
import { checkSigner } from '#protocol/signature.js';
import { digestOf, type SigningDomain, typedDataOf } from '#protocol/typedData.js';
import { type Address, bytes32Schema, type Hex, signatureSchema } from '#protocol/units.js';
import type { Account } from './account.js';
import type { Session } from './session.js';

/** A registration that cannot be used; the message says what to do. */
export class RegistrationError extends Error {
  override readonly name = 'RegistrationError';
}

/**
 * A prover's registration on its way to an owner whose key is elsewhere: signed by the prover, to be signed by the owner,
 * in a file that may be seen by anybody. `typedData` is what any wallet takes (`eth_signTypedData_v4`).
 */
export const registrationRequestSchema = z.object({
  coordinator: z.url().max(256),
  chainId: z.int().min(1),
  coordinatorId: bytes32Schema,
  message: proverRegistrationSchema,
  signature: signatureSchema,
  ownerSignature: z.nullable(signatureSchema),
  typedData: z.looseObject({}),
});
export type RegistrationRequest = z.infer<typeof registrationRequestSchema>;

/** Signs a prover's registration under an owner who will sign it elsewhere. It has a date: the market takes it for ten minutes. */
export function requestRegistration(session: Session, name: string, owner: Address): RegistrationRequest {
  const message = { prover: session.address, owner, name, issuedAtMs: session.clock.nowMs() };
  const { chainId, coordinatorId } = session.domain;
  return {
    coordinator: session.client.baseUrl,
    ...{ chainId, coordinatorId },
    ...session.sign('ProverRegistration', message),
    ownerSignature: null,
    typedData: typedDataOf(session.domain, 'ProverRegistration', message),
  };
}

/** Reads a request, and checks that the prover has signed just this. Throws RegistrationError. */
export function parseRequest(value: unknown): RegistrationRequest {
  const parsed = registrationRequestSchema.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new RegistrationError(`it is no registration: ${path.join('.')} ${message}`);
  }
  const request = parsed.data;
  const flaw = checkSigner(digestOfRequest(request), request.signature, request.message.prover);
  if (flaw) throw new RegistrationError(`the prover ${request.message.prover} has not signed it: ${flaw}`);
  return request;
}

/** Adds the owner's signature: made with its key, or brought from a wallet. Throws RegistrationError for another's. */
export function signByOwner(request: RegistrationRequest, by: Account | Hex): RegistrationRequest {
  const { owner } = request.message;
  const digest = digestOfRequest(request);
  if (typeof by !== 'string' && by.address !== owner) {
    throw new RegistrationError(`it names the owner ${owner}; this is the key of ${by.address}`);
  }
  const ownerSignature = typeof by === 'string' ? by : by.signDigest(digest);
  const flaw = checkSigner(digest, ownerSignature, owner);
  if (flaw) throw new RegistrationError(`the signature is not that of the owner ${owner} for this: ${flaw}`);
  return { ...request, ownerSignature };
}

/** What is posted to the market. */
export function registrationBody(request: RegistrationRequest): RouteCall<'registerProver'>['body'] {
  const { message, signature, ownerSignature } = request;
  if (!ownerSignature) throw new RegistrationError(`the owner ${message.owner} has not signed it yet`);
  return { message, signature, ownerSignature };
}

function digestOfRequest({ chainId, coordinatorId, message }: RegistrationRequest): Hex {
  const domain: SigningDomain = { chainId, coordinatorId };
  return digestOf(domain, 'ProverRegistration', message);
}
