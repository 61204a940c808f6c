/**
 * The judge: has every received zkProof checked and tells the journal. It starts as soon as a receipt is committed;
 * the job's wake-up calls it again should this process have died in between.
 */
import type { CommittedEntry, Journal } from '#journal/journalPort.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Hex } from '#protocol/units.js';

/** The verifier's word on one zkProof. */
export type Verdict = { valid: true } | { valid: false; code: string };

export interface JudgeOptions {
  journal: Journal;
  /** Checks one zkProof; throws an operational error when it cannot say. */
  verify(request: {
    circuitId: Hex;
    verificationKey: unknown;
    publicSignals: string[];
    expectedSignals: string[];
    zkProof: unknown;
  }): Promise<Verdict>;
  log: { error(fields: object, message: string): void };
}

export interface Judge {
  /** Judges all zkProofs of a job that wait, in the order of their claims. */
  judgeJob(jobId: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts to judge what is committed from now on. */
export function startJudge(options: JudgeOptions): Judge {
  const running = new Map<string, Promise<void>>();
  const fresh: FreshZkProofs = new Map();
  const judgeJob = (jobId: string): Promise<void> => {
    // Whoever waits for the attempt before is told of its failure; this one is an attempt of its own.
    const before = running.get(jobId)?.catch(() => {});
    const next = (before ?? Promise.resolve()).then(() => judgeWaiting(options, fresh, jobId));
    const settled = next.finally(() => {
      if (running.get(jobId) === settled) running.delete(jobId);
    });
    running.set(jobId, settled);
    return settled;
  };
  const onCommitted = (entries: CommittedEntry[]) => {
    for (const { entry, index } of entries) {
      if (entry.type !== 'proofReceived') continue;
      fresh.set(index, entry);
      judgeJob(entry.message.jobId)
        .catch((error) =>
          options.log.error({ err: error, jobId: entry.message.jobId }, 'a zkProof could not be judged yet'),
        )
        .finally(() => fresh.delete(index));
    }
  };
  const stopListening = options.journal.onCommitted(onCommitted);
  return {
    judgeJob,
    stop: async () => {
      stopListening();
      await Promise.allSettled(running.values());
    },
  };
}

/** What was received a moment ago, by its place in the log: it need not be read back from the database. */
type FreshZkProofs = Map<number, EntryOf<'proofReceived'>>;

async function judgeWaiting({ journal, verify }: JudgeOptions, fresh: FreshZkProofs, jobId: string): Promise<void> {
  const job = journal.state().jobs.get(jobId);
  const circuit = job && journal.state().circuits.get(job.circuitId);
  if (!job || !circuit || job.status === 'ended') return;
  const { circuitId, verificationKey } = circuit;
  const waiting = job.submissions.filter(({ verdict }) => verdict === 'pending');
  for (const { submissionId, entryIndex } of waiting.sort((one, other) => one.claimIndex - other.claimIndex)) {
    const { publicSignals, zkProof } = fresh.get(entryIndex) ?? (await readReceived(journal, entryIndex));
    const verdict = await verify({
      circuitId,
      verificationKey,
      publicSignals,
      expectedSignals: job.publicSignals,
      zkProof,
    });
    const code = verdict.valid ? '' : verdict.code;
    await journal.execute({ kind: 'recordVerdict', jobId, submissionId, valid: verdict.valid, code }, null);
  }
}

async function readReceived(journal: Journal, entryIndex: number): Promise<EntryOf<'proofReceived'>> {
  const [row] = await journal.readEntries(entryIndex, 1);
  return JSON.parse(row!.leaf) as EntryOf<'proofReceived'>;
}
