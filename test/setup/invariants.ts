/**
 * The one checker of the invariants I1 to I7 (ARCHITECTURE.md): every test of the system runs it at its end.
 */
import type { Pool } from 'pg';
import { fsck } from '#journal/fsck.js';
import { Replay } from '#market/replay.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';

/** Entries judged by themselves: what must hold of any log, whatever wrote it. */
export function logFlaws(entries: Entry[]): string[] {
  const flaws: string[] = [];
  const paid = new Map<string, number>();
  const ended = new Set<string>();
  const received = new Map<string, Extract<Entry, { type: 'proofReceived' }>>();
  const assigned = new Map<string, (string | undefined)[]>();
  const committed = new Set<string>();
  for (const entry of entries) {
    if (entry.type === 'poolCommitted') committed.add(entry.message.commitment);
    if (entry.type === 'proofReceived') received.set(entry.submissionId, entry);
    if (entry.type === 'roundCleared') {
      for (const { jobId, primary, backup } of entry.awards) assigned.set(jobId, [primary.prover, backup?.prover]);
    }
    if (entry.type !== 'proofAccepted' && entry.type !== 'jobExpired') continue;
    if (ended.has(entry.jobId)) flaws.push(`I2: job ${entry.jobId} ended twice`);
    ended.add(entry.jobId);
    for (const { why } of entry.postings) {
      const key = `${entry.jobId} ${why}`;
      paid.set(key, (paid.get(key) ?? 0) + 1);
    }
    if (entry.type === 'proofAccepted') {
      const proof = received.get(entry.submissionId);
      if (proof?.message.prover !== entry.prover) flaws.push(`I6: ${entry.jobId} paid to who did not deliver it`);
      if (proof?.message.jobId !== entry.jobId) flaws.push(`I6: ${entry.jobId} paid for another job's zkProof`);
      if (entry.role === 'pool') {
        const wanted = proof && poolCommitmentOf(proof.message.contentHash, entry.prover, entry.jobId);
        if (!wanted || !committed.has(wanted)) flaws.push(`I6: ${entry.jobId} paid from the pool without a commitment`);
      } else if (!assigned.get(entry.jobId)?.includes(entry.prover))
        flaws.push(`I6: ${entry.jobId} paid to an unassigned`);
    }
  }
  for (const [key, times] of paid) {
    if (times > 1 && (key.endsWith(' price') || key.endsWith(' standbyFee')))
      flaws.push(`I2: ${key} paid ${times} times`);
  }
  return flaws;
}

/** Replays a log with every signature checked; I7 is the replay itself. */
export function replayFlaws(entries: Entry[], checkSignatures = true): string[] {
  const replay = new Replay({ checkSignatures });
  for (const entry of entries) if (!replay.push(entry)) break;
  const divergence = replay.end();
  const flaws = divergence ? [`I7: entry ${divergence.index} (${divergence.type}): ${divergence.explanation}`] : [];
  let sum = 0n;
  for (const [account, wei] of replay.state.balances) {
    sum += wei;
    if (account !== 'outside' && wei < 0n) flaws.push(`I3: ${account} is below zero`);
  }
  if (sum !== 0n) flaws.push(`I3: the ledger is off by ${sum} wei`);
  return flaws;
}

/**
 * All invariants on a database.
 * @param acknowledged - digests that were answered with "accepted" (I1)
 */
export async function invariantFlaws(pool: Pool, acknowledged: Iterable<string> = []): Promise<string[]> {
  const flaws = await fsck(pool, { checkSignatures: true });
  const { rows } = await pool.query<{ leaf: string }>('SELECT leaf FROM entries ORDER BY index');
  const entries = rows.map(({ leaf }) => JSON.parse(leaf) as Entry);
  flaws.push(...logFlaws(entries));
  const answers = await pool.query<{ digest: string; answer: { ok: boolean; accepted?: { firstIndex: number } } }>(
    'SELECT digest, answer FROM commands',
  );
  const kept = new Map(answers.rows.map(({ digest, answer }) => [digest, answer]));
  for (const digest of acknowledged) {
    const answer = kept.get(digest);
    if (!answer?.ok) flaws.push(`I1: acknowledged ${digest} is lost`);
    else if (!entries[answer.accepted?.firstIndex ?? -1]) flaws.push(`I1: the entry of ${digest} is lost`);
  }
  const idle = await pool.query(
    `SELECT job_id FROM jobs j WHERE status NOT IN ('ended', 'waiting') AND NOT EXISTS (
       SELECT 1 FROM wake_ups w WHERE w.key = j.job_id OR (j.status = 'open' AND w.key = j.state->>'roundId'))`,
  );
  const forgotten = await pool.query(
    `SELECT job_id FROM jobs j WHERE status = 'waiting' AND NOT EXISTS (
       SELECT 1 FROM jobs b WHERE b.status <> 'ended' AND j.state->'after' ? b.job_id)`,
  );
  for (const { job_id } of forgotten.rows) flaws.push(`I4: job ${job_id} waits for jobs that have ended`);
  for (const { job_id } of idle.rows) flaws.push(`I4: job ${job_id} is neither ended nor holds a wake-up`);
  return flaws;
}

/** Copies entries through their canonical text, as they would be read from a log. */
export function throughText(entries: Entry[]): Entry[] {
  return entries.map((entry) => JSON.parse(canonicalJson(entry)) as Entry);
}
