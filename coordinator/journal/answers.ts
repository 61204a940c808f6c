/** The first answer to a signed message is its answer for ever: where it is kept, and which rejections are not. */
import type { PoolClient } from 'pg';
import type { RejectionCode } from '#protocol/rejections.js';
import type { Hex } from '#protocol/units.js';
import type { Outcome } from './journalPort.js';

/** Rejections that time may cure: they are not kept, so that the same message may succeed later. */
const PASSING: ReadonlySet<RejectionCode> = new Set([
  'notActivated',
  'notEligible',
  'poolClosed',
  'poolFull',
  'commitPending',
  'noPoolCommitment',
  'submissionPending',
  'roundFull',
  'wrongSealing',
  'notSealed',
  'unknownProver',
  'unknownRound',
  'unknownJob',
  'unknownCircuit',
  'unknownBlock',
  'artifactMissing',
  'messageFromFuture',
  'ownerSignatureMissing',
  'challengeNeeded',
  'challengeOpen',
  'unavailable',
]);

/** First answers to those of the digests that were executed before. */
export async function knownAnswers(client: PoolClient, digests: Hex[]): Promise<Map<Hex, Outcome>> {
  if (digests.length === 0) return new Map();
  const { rows } = await client.query<{ digest: Hex; answer: Outcome }>(
    'SELECT digest, answer FROM commands WHERE digest = ANY($1)',
    [digests],
  );
  return new Map(rows.map(({ digest, answer }) => [digest, answer]));
}

/** True for an answer that is kept: everything accepted, and every rejection that time cannot cure. */
export function isFinal(outcome: Outcome): boolean {
  return outcome.ok || !PASSING.has(outcome.rejection.code);
}
