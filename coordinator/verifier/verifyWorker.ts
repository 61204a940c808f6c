import { parentPort } from 'node:worker_threads';
import type { VerificationKey } from '#protocol/verificationKey.js';
import type { Groth16ZkProof, Verdict, ZkProof } from '#protocol/zkProof.js';
import { loadBn254 } from './bn254.js';
import {
  disposeGroth16Key,
  type Groth16Statement,
  type PreparedGroth16Key,
  prepareGroth16Key,
  verifyGroth16Batch,
} from './groth16.js';
import { findKeyFault, type KeyFault } from './keyFault.js';
import { verifyWithSnarkjs } from './snarkjsVerify.js';

/** Prepared keys that a worker keeps, the most recently used; each takes about 100 kB. */
const PREPARED_KEYS_MAX = 8;

/** One statement as the pool sends it: strictly parsed, signals already equal to what the job expects. */
export interface WorkerItem {
  readonly publicSignals: readonly string[];
  readonly zkProof: ZkProof;
}

/** What the pool asks of a worker; one request is under way at a time. */
export type WorkerRequest =
  | {
      readonly kind: 'verify';
      readonly circuitId: string;
      readonly verificationKey: VerificationKey;
      readonly items: readonly WorkerItem[];
    }
  | { readonly kind: 'checkKey'; readonly verificationKey: VerificationKey };

/** A worker's answer: verdicts in the order of the items, or what is wrong with the key. */
export type WorkerAnswer =
  | { readonly kind: 'verify'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'checkKey'; readonly fault: KeyFault | undefined };

const threw: Verdict = { valid: false, code: 'verifierThrew', detail: 'The verifier could not process the zkProof.' };

/** Insertion order is order of use, the least recent first. */
const preparedKeys = new Map<string, PreparedGroth16Key>();

function preparedKey(circuitId: string, key: VerificationKey & { protocol: 'groth16' }): PreparedGroth16Key {
  const prepared = preparedKeys.get(circuitId) ?? prepareGroth16Key(key);
  preparedKeys.delete(circuitId);
  preparedKeys.set(circuitId, prepared);
  const oldest = preparedKeys.entries().next().value;
  if (preparedKeys.size > PREPARED_KEYS_MAX && oldest) {
    preparedKeys.delete(oldest[0]);
    disposeGroth16Key(oldest[1]);
  }
  return prepared;
}

/** Verdicts of a Groth16 batch; if the whole batch throws, each statement is tried alone. */
function verifyGroth16(key: PreparedGroth16Key, statements: readonly Groth16Statement[]): Verdict[] {
  try {
    return verifyGroth16Batch(key, statements);
  } catch {
    if (statements.length === 1) return [threw];
    return statements.flatMap((statement) => verifyGroth16(key, [statement]));
  }
}

async function verify(request: WorkerRequest & { kind: 'verify' }): Promise<Verdict[]> {
  const { verificationKey, circuitId, items } = request;
  if (verificationKey.protocol === 'groth16') {
    const statements = items.map(({ publicSignals, zkProof }) => {
      return { publicSignals, zkProof: zkProof as Groth16ZkProof };
    });
    return verifyGroth16(preparedKey(circuitId, verificationKey), statements);
  }
  const verdicts: Verdict[] = [];
  for (const { publicSignals, zkProof } of items) {
    const other = zkProof as Exclude<ZkProof, Groth16ZkProof>;
    verdicts.push(await verifyWithSnarkjs(verificationKey, publicSignals, other).catch(() => threw));
  }
  return verdicts;
}

async function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  await loadBn254();
  if (request.kind === 'checkKey') return { kind: 'checkKey', fault: findKeyFault(request.verificationKey) };
  const verdicts = await verify(request).catch(() => request.items.map(() => threw));
  return { kind: 'verify', verdicts };
}

parentPort?.on('message', (request: WorkerRequest) => {
  // A rejection that nothing above turned into a verdict ends the thread; the pool replaces it and tries again.
  void answer(request).then((message) => parentPort?.postMessage(message));
});
