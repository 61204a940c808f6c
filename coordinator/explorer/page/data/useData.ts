import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type LiveEntry, live } from './live.js';

export interface Loaded<Value> {
  /** The newest answer; kept while a newer one is on its way, dropped when something else is asked for. */
  value: Value | null;
  /** Why the newest question has no answer, in a sentence. */
  error: string | null;
  reload: () => void;
}

/** Least time between two readings of the same thing, in milliseconds: entries come in bursts. */
const REST_MS = 400;

/** A while after which a failed reading is tried again, in milliseconds. */
const RETRY_MS = 2_000;

/**
 * Reads something, and reads it again when an entry comes that may have changed it, or when the feed is back.
 * @param key - what is asked for: another key drops the old answer
 * @param concerns - whether an entry may have changed the answer
 */
export function useData<Value>(
  key: string,
  load: () => Promise<Value>,
  concerns: (entry: LiveEntry) => boolean = () => false,
): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value: Value | null; error: string | null }>({
    key,
    value: null,
    error: null,
  });
  const latest = useRef({ key, load, concerns });
  latest.current = { key, load, concerns };
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((was) => was + 1), []);

  useReadings(key, turn, latest, setState, reload);
  useEffect(() => {
    let due: ReturnType<typeof setTimeout> | undefined;
    const soon = () => {
      due ??= setTimeout(() => {
        due = undefined;
        reload();
      }, REST_MS);
    };
    let wasBroken = false;
    const stops = [
      live.onEntry((entry) => latest.current.concerns(entry) && soon()),
      live.onChange(() => {
        if (live.connection === 'live' && wasBroken) soon();
        if (live.connection !== 'connecting') wasBroken = live.connection === 'broken';
      }),
    ];
    return () => {
      clearTimeout(due);
      for (const stop of stops) stop();
    };
  }, []);

  const isCurrent = state.key === key;
  return { value: isCurrent ? state.value : null, error: isCurrent ? state.error : null, reload };
}

type Latest<Value> = { current: { key: string; load: () => Promise<Value> } };
type SetState<Value> = (
  change: (was: { key: string; value: Value | null; error: string | null }) => {
    key: string;
    value: Value | null;
    error: string | null;
  },
) => void;

function useReadings<Value>(
  key: string,
  turn: number,
  latest: Latest<Value>,
  setState: SetState<Value>,
  reload: () => void,
) {
  useEffect(() => {
    let isWanted = true;
    let retry: ReturnType<typeof setTimeout> | undefined;
    latest.current.load().then(
      (value) => isWanted && setState(() => ({ key, value, error: null })),
      (error: unknown) => {
        if (!isWanted) return;
        const sentence = error instanceof Error ? error.message : String(error);
        setState((was) => ({ key, value: was.key === key ? was.value : null, error: sentence }));
        if ((error as { retryable?: boolean }).retryable) retry = setTimeout(reload, RETRY_MS);
      },
    );
    return () => {
      isWanted = false;
      clearTimeout(retry);
    };
  }, [key, turn]);
}
