import { useEffect, useState } from 'preact/hooks';
import type { Succession } from '../check/logLinks.js';
import type { LogWatch } from '../check/logWatch.js';
import { acceptKey, replacedKey } from '../check/seenCheckpoints.js';

/** A while after which a check that got no answer is tried again, in milliseconds. */
const RETRY_MS = 2_000;

type Found = Succession & { lastKey: string };

/** What became of the log that this browser saw here before, when the market is in another one now. */
export function SuccessionNotice({ watch, logKey, origin }: { watch: LogWatch; logKey: string; origin: string }) {
  const [found, accept] = useSuccession(watch, logKey);
  if (!found) return null;
  if (found.kind === 'goesOn' && found.word === 'both') {
    return (
      <div class="alarm" role="status">
        <p>
          <span class="good">✓</span> The log that this browser saw here before, {found.before}, was closed and goes on
          as {origin}. The last entry of the one and the first of the other say so, and were checked here.
        </p>
        <Dismiss onClick={accept}>Good</Dismiss>
      </div>
    );
  }
  return (
    <div class="alarm" role="alert">
      <Words found={found} origin={origin} />
      <Dismiss onClick={accept}>Take the new log as the one of this address</Dismiss>
    </div>
  );
}

function Dismiss({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <p>
      <button type="button" onClick={onClick}>
        {children}
      </button>
    </p>
  );
}

function Words({ found, origin }: { found: Found; origin: string }) {
  if (found.kind === 'goesOn') {
    return (
      <p>
        <strong>The market is carried on by another operator.</strong> {origin} goes on from {found.before} as this
        browser saw it, entry by entry; that was checked here. But {found.before} was not closed for it: the hand-over
        is the word of {origin} alone.
      </p>
    );
  }
  if (found.kind === 'broken') {
    return (
      <p>
        <strong class="bad">
          {origin} does not go on from {found.before}, which this browser saw here before.
        </strong>{' '}
        {found.fault}
      </p>
    );
  }
  return (
    <p>
      <strong>This is another log than the one that this browser saw here before.</strong> That one had the key{' '}
      <span class="mono wrap">{found.lastKey}</span>. A market that was opened anew has a new key; otherwise somebody
      else is answering.
    </p>
  );
}

/** Reads what checks links only when there is one to check: at most visits there is none. */
async function successionOf(watch: LogWatch, lastKey: string, logKey: string): Promise<Succession> {
  const { checkSuccession } = await import('../check/logLinks.js');
  return await checkSuccession(watch, lastKey, logKey);
}

/** Checks the links, until there is an answer. A hand-over that both logs speak of is taken by itself. */
function useSuccession(watch: LogWatch, logKey: string): [Found | null, () => void] {
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    setFound(null);
    const lastKey = replacedKey(logKey);
    if (lastKey === null) return;
    let isWanted = true;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const succession = await successionOf(watch, lastKey, logKey).catch(() => null);
      if (!isWanted) return;
      if (!succession) {
        retry = setTimeout(look, RETRY_MS);
        return;
      }
      if (succession.kind === 'goesOn' && succession.word === 'both') acceptKey(logKey);
      setFound({ ...succession, lastKey });
    };
    void look();
    return () => {
      isWanted = false;
      clearTimeout(retry);
    };
  }, [watch, logKey]);
  const accept = () => {
    acceptKey(logKey);
    setFound(null);
  };
  return [found, accept];
}
