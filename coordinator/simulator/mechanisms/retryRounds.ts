/** The requester's schedule: what stays unsold at the end of a bid window is offered again, while there is time. */
import { BID_WINDOWS_MS } from './scenario.js';
import type { SimJob, SimMarket } from './simMarket.js';

/**
 * Holds the rounds of a block.
 *
 * @param close - sells what it can at the end of a window and returns what is left
 * @param spent - called for jobs that no further round can sell
 * @param extraMs - what each round takes beyond its window
 */
export function holdRounds(
  market: SimMarket,
  jobs: SimJob[],
  close: (jobs: SimJob[], round: number) => SimJob[],
  spent: (jobs: SimJob[]) => void = () => {},
  extraMs = 0,
): void {
  const hold = (open: SimJob[], round: number) => {
    const windowMs = BID_WINDOWS_MS[round];
    const deadlineMs = open[0]!.deadlineMs;
    if (windowMs === undefined || market.nowMs + windowMs + extraMs >= deadlineMs) {
      spent(open);
      return;
    }
    market.timeline.after(windowMs + extraMs, () => {
      const left = close(open, round);
      if (left.length > 0) hold(left, round + 1);
    });
  };
  hold(jobs, 0);
}
