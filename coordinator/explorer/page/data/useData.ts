import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type LiveEntry, live } from './live.js';
import { Rereader } from './rereader.js';

export interface Loaded<Value> {
  /** The newest answer; kept while a newer one is on its way, dropped when something else is asked for. */
  value: Value | null;
  /** Why the newest question has no answer, in a sentence. */
  error: string | null;
  reload: () => void;
}

interface State<Value> {
  key: string;
  value: Value | null;
  error: string | null;
}

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
  const [state, setState] = useState<State<Value>>({ key, value: null, error: null });
  const latest = useRef({ load, concerns });
  latest.current = { load, concerns };
  const rereader = useRef<Rereader<Value> | null>(null);
  const reload = useCallback(() => rereader.current?.ask(), []);

  useEffect(() => {
    const reading = new Rereader(() => latest.current.load(), {
      onValue: (value) => setState({ key, value, error: null }),
      onError: (error) => {
        const sentence = error instanceof Error ? error.message : String(error);
        setState((was) => ({ key, value: was.key === key ? was.value : null, error: sentence }));
      },
    });
    rereader.current = reading;
    reading.ask();
    return () => reading.stop();
  }, [key]);

  useEffect(() => {
    let wasLive = true;
    const stops = [
      live.onEntry((entry) => latest.current.concerns(entry) && reload()),
      live.onChange(() => {
        const isLive = live.connection === 'live';
        if (isLive && !wasLive) reload();
        wasLive = isLive || live.connection === 'connecting';
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);

  const isCurrent = state.key === key;
  return { value: isCurrent ? state.value : null, error: isCurrent ? state.error : null, reload };
}
