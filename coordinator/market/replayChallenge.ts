/** The part of a replay that is about challenges: the command behind an entry, and its signature. */
import type { Entry } from '#protocol/entries.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Command } from './command.js';

type DigestOf = <Type extends MessageType>(type: Type, message: Messages[Type]) => Hex;

/** The command that leads to an entry of a challenge; null for other entries. */
export function challengeCommandOf(entry: Entry, digestOf: DigestOf): Command | null {
  switch (entry.type) {
    case 'challengeIssued': {
      const { message, signature } = entry;
      return { kind: 'requestChallenge', message, signature, digest: digestOf('ChallengeRequest', message) };
    }
    case 'challengeReceived': {
      const { message, signature, submissionId: digest } = entry;
      return { kind: 'submitChallenge', message, signature, digest };
    }
    case 'challengePassed':
    case 'challengeFailed': {
      const { prover, circuitId, challengeId } = entry;
      const valid = entry.type === 'challengePassed';
      const code = 'code' in entry ? entry.code : '';
      return { kind: 'recordChallenge', prover, circuitId, challengeId, valid, code };
    }
    default:
      return null;
  }
}

/** Who must have signed an entry of a challenge, and what is wrong with its id; null for other entries. */
export function challengeSigner(
  entry: Entry,
  digestOf: DigestOf,
): { digest: Hex; signature: Hex; account: Address; idFlaw: string | null } | null {
  if (entry.type === 'challengeIssued') {
    const digest = digestOf('ChallengeRequest', entry.message);
    const idFlaw = digest === entry.challengeId ? null : `the challenge id is not the digest ${digest} of its request`;
    return { digest, signature: entry.signature, account: entry.message.prover, idFlaw };
  }
  if (entry.type === 'challengeReceived') {
    const digest = digestOf('ChallengeSubmission', entry.message);
    const idFlaw = digest === entry.submissionId ? null : `the submission id is not the digest ${digest}`;
    return { digest, signature: entry.signature, account: entry.message.prover, idFlaw };
  }
  return null;
}
