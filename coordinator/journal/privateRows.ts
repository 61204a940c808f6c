/** What commands leave beside the log and the projections: bids of open rounds, private inputs, zkProofs of challenges. */
import type { PoolClient } from 'pg';
import type { Command, CommandOf, SignedCommand } from '#market/command.js';
import type { Bid } from '#protocol/messages.js';
import type { Hex } from '#protocol/units.js';
import type { PrivateRows } from './journalPort.js';
import type { BatchWrites } from './writeBatch.js';

/** The sealed bids with these digests, in any order. */
export async function readSealedBids(client: Pick<PoolClient, 'query'>, digests: Hex[]): Promise<SignedCommand<Bid>[]> {
  if (digests.length === 0) return [];
  const { rows } = await client.query<SignedCommand<Bid>>(
    'SELECT digest, message, signature FROM sealed_bids WHERE digest = ANY($1)',
    [digests],
  );
  return rows;
}

/** Keeps what a command leaves beside the log and the projections. */
export function keepPrivate(
  command: Command,
  privateRows: PrivateRows,
  firstIndex: number,
  writes: BatchWrites,
  sealed: Map<Hex, CommandOf<'closeRound'>['bids'][number]>,
): void {
  if (command.kind === 'placeBid') {
    const { message, signature, digest } = command;
    writes.sealedBids.push({ digest, entryIndex: firstIndex, message, signature });
    sealed.set(digest, { message, signature, digest });
  }
  if (command.kind === 'commitBid') {
    const { message, digest } = command;
    writes.bidCommitments.push({ digest, entryIndex: firstIndex, ...message });
  }
  if (command.kind === 'openBid') {
    const { message, signature, digest: commitment } = command;
    writes.openedBids.push({ commitment, message, signature });
  }
  if (command.kind === 'submitChallenge' && privateRows.challengeProof) {
    writes.challengeProofs.push({ submissionId: command.digest, content: privateRows.challengeProof });
  }
  if (command.kind === 'submitBlock') {
    for (const [index, input] of (privateRows.jobInputs ?? []).entries()) {
      writes.jobInputs.push({ jobId: `${command.digest}.${index}`, input });
    }
  }
}
