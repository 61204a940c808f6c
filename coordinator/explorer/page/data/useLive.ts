import { useEffect, useState } from 'preact/hooks';
import { type Connection, live } from './live.js';

/** The state of the feed, and the size of the log as far as it was followed. */
export function useLive(): { connection: Connection; size: number | null } {
  const read = () => ({ connection: live.connection, size: live.newest === null ? null : live.newest + 1 });
  const [state, setState] = useState(read);
  useEffect(() => {
    // It may have changed since the first drawing.
    setState(read());
    return live.onChange(() => setState(read()));
  }, []);
  return state;
}
