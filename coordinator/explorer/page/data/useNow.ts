import { useEffect, useState } from 'preact/hooks';
import { useMarket } from './marketContext.js';

/** The coordinator's time, in Unix milliseconds, anew each second while `isRunning`. */
export function useNow(isRunning: boolean): number {
  const { clockAheadMs } = useMarket();
  const [nowMs, setNowMs] = useState(() => Date.now() + clockAheadMs);
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => setNowMs(Date.now() + clockAheadMs), 1_000);
    return () => clearInterval(timer);
  }, [isRunning, clockAheadMs]);
  return nowMs;
}
