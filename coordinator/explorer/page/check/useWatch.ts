import { useEffect, useState } from 'preact/hooks';
import { live } from '../data/live.js';
import type { LogStatus, LogWatch } from './logWatch.js';

/** Least time between two looks at the checkpoint, and before the first: what the page was opened for comes first. Milliseconds. */
const REST_MS = 1_000;

const running = new WeakMap<LogWatch, { users: number; stop: () => void }>();

/** The state of the log; while anybody uses it, each change of the log has the newest checkpoint checked. */
export function useWatch(watch: LogWatch): LogStatus {
  const [status, setStatus] = useState(watch.status);
  useEffect(() => {
    setStatus(watch.status);
    const unwatch = watch.onChange(() => setStatus(watch.status));
    const run = running.get(watch) ?? { users: 0, stop: follow(watch) };
    running.set(watch, run);
    run.users += 1;
    return () => {
      unwatch();
      run.users -= 1;
      if (run.users > 0) return;
      run.stop();
      running.delete(watch);
    };
  }, [watch]);
  return status;
}

function follow(watch: LogWatch): () => void {
  let due: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    due = undefined;
    // No answer is no contradiction: the feed says that it is broken, and the next entry asks again.
    watch.refresh().catch(() => undefined);
  };
  const soon = () => {
    due ??= setTimeout(look, REST_MS);
  };
  soon();
  const stop = live.onChange(soon);
  return () => {
    stop();
    clearTimeout(due);
  };
}
