/**
 * Runs at most one piece of work for each key; whoever asks for the same while it runs waits for it.
 * @param work - is to re-read, and does nothing when there is nothing left to do
 */
export function oneByKey(work: (key: string) => Promise<void>): {
  run(key: string): Promise<void>;
  /** Resolves when nothing runs any more. */
  settled(): Promise<void>;
} {
  const running = new Map<string, Promise<void>>();
  return {
    run(key) {
      const known = running.get(key);
      if (known) return known;
      const next = work(key).finally(() => running.delete(key));
      running.set(key, next);
      return next;
    },
    settled: async () => {
      await Promise.allSettled(running.values());
    },
  };
}
