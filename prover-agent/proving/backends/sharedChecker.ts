import type { ZkProtocol } from '#protocol/zkProof.js';
import type { BackendWatch } from './backend.js';
import type { ZkProofChecker } from './commandBackend.js';
import { SnarkjsBackend } from './snarkjsBackend.js';

interface Shared {
  backend: SnarkjsBackend;
  borrowers: number;
  /** The end of the newest check: a thread does one at a time. */
  last: Promise<unknown>;
}

const checkers = new Map<string, Shared>();

/**
 * One thread that verifies, for all external provers of a circuit: a check takes 20 ms, but a thread with a curve takes
 * more memory than a native prover. It ends with the last who closes it.
 */
export function borrowChecker(protocol: ZkProtocol, verificationKey: object): ZkProofChecker {
  const name = JSON.stringify(verificationKey);
  const fresh = (): Shared => {
    const backend = new SnarkjsBackend({ protocol, zkey: null, verificationKey, threads: 1 });
    return { backend, borrowers: 0, last: Promise.resolve() };
  };
  const shared = checkers.get(name) ?? fresh();
  checkers.set(name, shared);
  shared.borrowers += 1;
  let isReturned = false;
  return {
    warm: () => shared.backend.warm(),
    verify(zkProof: object, publicSignals: readonly string[], { limitMs }: Omit<BackendWatch, 'onProgress'>) {
      // Not cancelled with its job: that would end the thread for all others.
      const check = () => shared.backend.verify(zkProof, publicSignals, { signal: undefined, limitMs });
      const checked = shared.last.then(check, check);
      shared.last = checked;
      return checked;
    },
    async close() {
      if (isReturned) return;
      isReturned = true;
      shared.borrowers -= 1;
      if (shared.borrowers > 0) return;
      checkers.delete(name);
      await shared.backend.close();
    },
  };
}
