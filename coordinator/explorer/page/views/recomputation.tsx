import { useEffect, useRef } from 'preact/hooks';
import type { ReplayState } from '../check/useReplay.js';
import { duration } from '../parts/time.js';

/** Up to so many entries the replay begins by itself: some seconds at most. */
const AT_ONCE_MAX = 3_000;

/** The replay of the log up to a round's clearing: offered, under way, or what it came to. */
export function Recomputation({
  replay: { state, start },
  entries,
  bids,
}: {
  replay: { state: ReplayState; start: () => void };
  entries: number;
  bids: number;
}) {
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current || state.step !== 'idle' || entries > AT_ONCE_MAX) return;
    begun.current = true;
    start();
  }, [state.step, entries, start]);
  return (
    <section class="panel" aria-live="polite">
      <h2>Recomputed in this browser</h2>
      {state.step === 'idle' && (
        <>
          <p>
            The {entries} entries up to this clearing can be read and folded here, by the rules that the coordinator
            runs, so that its state, every award and every price are worked out anew.
          </p>
          <p>
            <button type="button" onClick={start}>
              Replay {entries} entries
            </button>
          </p>
        </>
      )}
      {state.step === 'running' && (
        <p>
          <progress max={state.total} value={state.done} aria-label="Entries replayed" /> {state.done} of {state.total}{' '}
          entries
        </p>
      )}
      {state.step === 'failed' && (
        <p class="bad" role="alert">
          The replay could not be finished: {state.reason}.{' '}
          <button type="button" onClick={start}>
            Again
          </button>
        </p>
      )}
      {state.step === 'done' && <Outcome {...state} bids={bids} />}
    </section>
  );
}

function Outcome({ outcome, isOfLog, bids }: Extract<ReplayState, { step: 'done' }> & { bids: number }) {
  const { agrees, divergence, entries, elapsedMs, bidsChecked } = outcome;
  const isSound = agrees && isOfLog && bidsChecked === bids;
  return (
    <>
      <p>
        <strong class={isSound ? 'good' : 'bad'}>{isSound ? '✓ It agrees.' : '✕ It does not agree.'}</strong>{' '}
        {agrees
          ? 'The same rules, run here on the same bids, give the same awards and prices to the byte.'
          : `The rules and the log part: ${divergence}.`}
      </p>
      <ul>
        <li>
          {entries} entries were replayed from the first one in {duration(elapsedMs)}; nothing of the coordinator’s
          state was taken over.
        </li>
        <li class={isOfLog ? undefined : 'bad'}>
          {isOfLog
            ? 'They are the very entries of the signed log, by the root of their tree.'
            : 'They are not the entries of the signed log: the root of their tree is another one.'}
        </li>
        <li class={bidsChecked === bids ? undefined : 'bad'}>
          {bidsChecked} of {bids} bids carry their prover’s signature and stand under the commitment that was logged.
        </li>
        <li>Not checked here: the zkProofs behind earlier payments. The auditor does that.</li>
      </ul>
    </>
  );
}
