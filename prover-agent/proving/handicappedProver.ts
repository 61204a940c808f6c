import { pause } from '../backoff.js';
import { type Prover, ProvingError } from './prover.js';

/** How often progress is told while idling, in milliseconds. */
const TELL_EVERY_MS = 500;

/**
 * Makes an honest prover slow: after every zkProof it idles until `factor` times the work's time has passed. Progress
 * is told as if the work took all that time. For demonstrations and tests of slow provers without slow machines.
 */
export function handicapProver(prover: Prover, factor: number): Prover {
  if (factor <= 1) return prover;
  return {
    warm: () => prover.warm(),
    close: () => prover.close(),
    rehearse: async (...args) => Math.ceil(((await prover.rehearse?.(...args)) ?? 0) * factor),
    async prove(input, onProgress, signal) {
      const startedMs = performance.now();
      const made = await prover.prove(
        input,
        onProgress &&
          (({ stage, progressPpm }) => onProgress({ stage, progressPpm: Math.floor(progressPpm / factor) })),
        signal,
      );
      const workMs = performance.now() - startedMs;
      for (let passedMs = workMs; passedMs < workMs * factor; passedMs = performance.now() - startedMs) {
        if (signal?.aborted) throw new ProvingError('cancelled', 'the work was cancelled');
        onProgress?.({ stage: 'proving', progressPpm: Math.floor((1_000_000 * passedMs) / (workMs * factor)) });
        await pause(Math.min(TELL_EVERY_MS, workMs * factor - passedMs), signal);
      }
      return { ...made, provingMs: made.provingMs + Math.round(workMs * (factor - 1)) };
    },
  };
}
