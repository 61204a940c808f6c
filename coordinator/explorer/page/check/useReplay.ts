import { hexToBytes } from '@noble/hashes/utils.js';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { LogWatch } from './logWatch.js';
import type { ReplayMessage, ReplayOrder, ReplayOutcome } from './replayMessages.js';

export type ReplayState =
  | { step: 'idle' }
  | { step: 'running'; done: number; total: number }
  /** `isOfLog`: the entries replayed are those of the signed log, by their root. */
  | { step: 'done'; outcome: ReplayOutcome; isOfLog: boolean }
  | { step: 'failed'; reason: string };

/** Replays the log up to a round's clearing when `start` is called; ends with its view, which is of one round. */
export function useReplay(watch: LogWatch, order: ReplayOrder): { state: ReplayState; start: () => void } {
  const [state, setState] = useState<ReplayState>({ step: 'idle' });
  const worker = useRef<Worker | null>(null);
  const { roundId, clearedIndex } = order;
  useEffect(() => () => worker.current?.terminate(), []);

  const start = useCallback(() => {
    worker.current?.terminate();
    const thread = new Worker(new URL('./replayWorker.ts', import.meta.url), { type: 'module' });
    worker.current = thread;
    setState({ step: 'running', done: 0, total: clearedIndex + 1 });
    thread.onerror = () => setState({ step: 'failed', reason: 'the thread that replays did not start' });
    thread.onmessage = async ({ data }: MessageEvent<ReplayMessage>) => {
      if (data.kind === 'progress') return setState({ step: 'running', done: data.done, total: data.total });
      thread.terminate();
      if (data.kind === 'failed') return setState({ step: 'failed', reason: data.reason });
      const { outcome } = data;
      const own = watch.inLog(outcome.log);
      const root = hexToBytes(outcome.rootHash);
      const isOfLog = await own.then((log) => log.isRootOf(outcome.treeSize, root)).catch(() => null);
      if (worker.current !== thread) return;
      if (isOfLog === null) setState({ step: 'failed', reason: 'the coordinator did not prove its log' });
      else setState({ step: 'done', outcome, isOfLog });
    };
    thread.postMessage({ roundId, clearedIndex } satisfies ReplayOrder);
  }, [roundId, clearedIndex, watch]);
  return { state, start };
}
