/** Which signatures an entry carries, over what, and whose they must be; and whether its ids are what they claim. */
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import { checkSigner } from '#protocol/signature.js';
import type { Address, Hex } from '#protocol/units.js';
import { circuitIdOf } from '#protocol/verificationKey.js';
import { challengeSigner } from './replayChallenge.js';

type DigestOf = <Type extends MessageType>(type: Type, message: Messages[Type]) => Hex;

/** That an account has signed a digest. */
export interface SignedClaim {
  digest: Hex;
  signature: Hex;
  account: Address;
}

/** What an entry claims to be signed, and what is wrong with it before any signature is looked at. */
export interface EntrySignatures {
  claims: SignedClaim[];
  flaw: string | null;
}

const UNSIGNED: EntrySignatures = { claims: [], flaw: null };

/** Reads the signatures of an entry. @param digestOf - the EIP-712 digest under the market's domain */
export function signaturesOf(entry: Entry, digestOf: DigestOf): EntrySignatures {
  const one = (digest: Hex, signature: Hex, account: Address, flaw: string | null = null): EntrySignatures => ({
    claims: [{ digest, signature, account }],
    flaw,
  });
  const challenge = challengeSigner(entry, digestOf);
  if (challenge) return one(challenge.digest, challenge.signature, challenge.account, challenge.idFlaw);
  switch (entry.type) {
    case 'proverRegistered': {
      const { message, signature, ownerSignature } = entry;
      const { claims } = one(digestOf('ProverRegistration', message), signature, message.prover);
      const owner = { ...claims[0]!, signature: ownerSignature as Hex, account: message.owner };
      return { claims: ownerSignature ? [...claims, owner] : claims, flaw: null };
    }
    case 'circuitRegistered':
      return circuitSignatures(entry, digestOf);
    case 'blockSubmitted': {
      const digest = digestOf('BlockRequest', entry.message);
      const flaw = digest === entry.blockId ? null : `the block id is not the digest ${digest} of its request`;
      return one(digest, entry.signature, entry.message.requester, flaw);
    }
    case 'blockWithdrawn': {
      const digest = digestOf('BlockWithdrawal', entry.message);
      const flaw =
        digest === entry.withdrawalId ? null : `the withdrawal id is not the digest ${digest} of its message`;
      return one(digest, entry.signature, entry.message.requester, flaw);
    }
    case 'roundCleared':
      return {
        claims: entry.bids.flatMap(
          ({ message, signature }) => one(digestOf('Bid', message), signature, message.prover).claims,
        ),
        flaw: null,
      };
    case 'proofReceived': {
      const { message, signature, publicSignals, zkProof } = entry;
      const digest = digestOf('ProofSubmission', message);
      const isItsId = digest === entry.submissionId;
      const isItsProof = contentHashOf({ publicSignals, zkProof }) === message.contentHash;
      const flaw = !isItsId
        ? `the submission id is not the digest ${digest} of its message`
        : isItsProof
          ? null
          : 'the zkProof is not the signed one';
      return one(digest, signature, message.prover, flaw);
    }
    case 'bidCommitted':
      return one(digestOf('BidCommitment', entry.message), entry.signature, entry.message.prover);
    case 'bidOpened':
      return one(digestOf('Bid', entry.message), entry.signature, entry.message.prover);
    case 'poolCommitted': {
      const digest = digestOf('PoolCommit', entry.message);
      const flaw = digest === entry.commitId ? null : `the commitment's id is not the digest ${digest} of its message`;
      return one(digest, entry.signature, entry.message.prover, flaw);
    }
    case 'withdrawalRequested': {
      const digest = digestOf('Withdrawal', entry.message);
      const flaw =
        digest === entry.withdrawalId ? null : `the withdrawal id is not the digest ${digest} of its message`;
      return one(digest, entry.signature, entry.message.account, flaw);
    }
    case 'gaveUp':
      return one(digestOf('GiveUp', entry.message), entry.signature, entry.message.prover);
    default:
      return UNSIGNED;
  }
}

function circuitSignatures(entry: EntryOf<'circuitRegistered'>, digestOf: DigestOf): EntrySignatures {
  const { circuitId, verificationKey, registration } = entry;
  const id = circuitIdOf(verificationKey as never);
  if (id !== circuitId) return { claims: [], flaw: `the circuit id is not the hash ${id} of its verification key` };
  if (!registration) return UNSIGNED;
  const { message, signature } = registration;
  const claimed = [message.circuitId, message.name, message.wasmSha256, message.zkeySha256, message.samplesHash];
  const samplesHash = contentHashOf(entry.samples.map(({ inputHash }) => inputHash));
  const found = [circuitId, entry.name, entry.wasm.sha256, entry.zkey.sha256, samplesHash];
  const isSame = claimed.every((value, at) => value === found[at]);
  const digest = digestOf('CircuitRegistration', message);
  const flaw = isSame ? null : 'the circuit is not the one that was signed';
  return { claims: [{ digest, signature, account: message.registrant }], flaw };
}

/** The first thing that is wrong with an entry's ids and signatures, in a sentence; null when nothing is. */
export function signatureFlaw(entry: Entry, digestOf: DigestOf): string | null {
  const { claims, flaw } = signaturesOf(entry, digestOf);
  if (flaw) return flaw;
  for (const { digest, signature, account } of claims) {
    const code = checkSigner(digest, signature, account);
    if (code) return wrongSigner(account, code);
  }
  return null;
}

/** Says whose signature it is not. @param code - what is wrong with it */
export function wrongSigner(account: Address, code: string): string {
  return `the signature is not ${account}'s (${code})`;
}
