/** The longest that work is put off while the page has better things to do, in milliseconds. */
const IDLE_MS_MAX = 1_500;

/**
 * Does something once the page has nothing else to do, or after a while in any case.
 * @returns calls it off
 */
export function whenIdle(action: () => void): () => void {
  // Not every browser tells of idleness.
  if (typeof requestIdleCallback !== 'function') {
    const timer = setTimeout(action, IDLE_MS_MAX);
    return () => clearTimeout(timer);
  }
  const handle = requestIdleCallback(() => action(), { timeout: IDLE_MS_MAX });
  return () => cancelIdleCallback(handle);
}
