/**
 * EIP-712 typed data of every signed message. The domain carries the chain id and, as salt, the coordinator's id, so
 * that nothing signed for one market can be replayed in another. Source: EIP-712.
 */
import { type Hex, hashTypedData } from 'viem';
import type { Messages, MessageType } from './messages.js';

/** The domain that all messages of one market are signed under. */
export interface SigningDomain {
  chainId: number;
  /** 32 bytes that name this market: SHA-256 of its log's verifier key. */
  coordinatorId: Hex;
}

const field = (type: string) => (name: string) => ({ name, type });
const address = field('address');
const bytes32 = field('bytes32');
const string = field('string');
const uint64 = field('uint64');
const uint256 = field('uint256');

/** The EIP-712 struct of each message, fields in signing order. */
export const TYPED_DATA = {
  BlockRequest: [
    address('requester'),
    uint64('nonce'),
    string('label'),
    bytes32('circuitId'),
    bytes32('blockHash'),
    uint64('deadlineMs'),
    uint64('bidWindowMs'),
    uint256('maxPriceWei'),
    uint256('missCostWei'),
    string('backup'),
    string('award'),
    string('pricing'),
  ],
  Bid: [
    string('roundId'),
    address('prover'),
    uint256('priceWei'),
    uint256('standbyWei'),
    uint64('maxJobs'),
    uint64('maxConcurrent'),
    uint64('provingMsP95'),
    uint64('expiresAtMs'),
    bytes32('salt'),
  ],
  ProofSubmission: [string('jobId'), address('prover'), bytes32('contentHash')],
  GiveUp: [string('jobId'), address('prover'), string('reason')],
  ProverRegistration: [address('prover'), address('owner'), string('name'), uint64('issuedAtMs')],
  CircuitRegistration: [
    address('registrant'),
    bytes32('circuitId'),
    string('name'),
    bytes32('wasmSha256'),
    bytes32('zkeySha256'),
    uint64('issuedAtMs'),
  ],
} as const satisfies Record<MessageType, readonly { name: string; type: string }[]>;

/** What a wallet is handed to sign: viem's `signTypedData` takes it as it is. */
export function typedDataOf<Type extends MessageType>(domain: SigningDomain, type: Type, message: Messages[Type]) {
  return {
    domain: { name: 'Understudy', version: '1', chainId: domain.chainId, salt: domain.coordinatorId },
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'salt', type: 'bytes32' },
      ],
      [type]: TYPED_DATA[type],
    },
    primaryType: type as string,
    message: message as unknown as Record<string, unknown>,
  };
}

/**
 * The digest that is signed, which is also the message's idempotency key; for a block request it is the block's id.
 * @returns 32 bytes in lower-case hexadecimal
 */
export function digestOf<Type extends MessageType>(domain: SigningDomain, type: Type, message: Messages[Type]): Hex {
  return hashTypedData(typedDataOf(domain, type, message) as never);
}
