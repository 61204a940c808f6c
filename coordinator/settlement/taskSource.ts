import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import { readRootHash } from '#journal/logProofs.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import type { TaskSource } from './chainCalls.js';

export interface TaskSourceOptions {
  pool: Pool;
  journal: Pick<Journal, 'state'>;
  key: { address: Hex };
  log: { error(fields: object, message: string): void };
}

/** What the coordinator's tables hold for the contract: roots of the log, keys and zkProofs. */
export function taskSource({ pool, journal, key, log }: TaskSourceOptions): TaskSource {
  const told = new Set<string>();
  return {
    sender: key.address.toLowerCase() as Address,
    logRootHash: async (treeSize) => {
      const rootHash = await readRootHash(pool, treeSize);
      if (!rootHash) throw new Error(`the log has no tree of ${treeSize} entries`);
      return `0x${rootHash}`;
    },
    circuit: (circuitId) => journal.state().circuits.get(circuitId)!,
    zkProofs: async (jobIds) => {
      const { rows } = await pool.query<{ job_id: string; leaf: string }>(
        `SELECT j.job_id, e.leaf FROM jobs j, jsonb_array_elements(j.state->'submissions') s
         JOIN entries e ON e.index = (s->>'entryIndex')::bigint
         WHERE j.job_id = ANY($1) AND s->>'verdict' = 'valid'`,
        [jobIds],
      );
      const found = new Map(rows.map(({ job_id, leaf }) => [job_id, JSON.parse(leaf) as EntryOf<'proofReceived'>]));
      return jobIds.map((jobId) => {
        const { publicSignals, zkProof } = found.get(jobId)!;
        return { publicSignals, zkProof: zkProof as unknown as Groth16ZkProof };
      });
    },
    onHopeless: ({ setId }, index) => {
      const item = `${setId} ${index}`;
      if (told.has(item)) return;
      told.add(item);
      log.error({ setId, index, alarm: 'zkProofRefused' }, 'the contract refuses a zkProof that the verifier accepted');
    },
  };
}
