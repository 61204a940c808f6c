import type { AgentLog } from '../log.js';
import { type AgentStatus, EMPTY_STATUS } from './agentStatus.js';
import { LiveScreen, type Screen } from './liveScreen.js';
import { statusLines } from './statusLines.js';
import { nextStatus } from './statusOf.js';

/** The screen is drawn at most so often, and at least so often while times on it run, in milliseconds. */
const DRAW_EVERY_MS = 250;
const TICK_MS = 1_000;

/** A log that shows where the agent stands instead of writing lines. */
export interface LiveLog {
  log: AgentLog;
  /** Draws the last state and leaves it on the terminal; nothing is drawn after that. */
  end(): void;
}

/** Makes a log that keeps the screen of a terminal up to date. */
export function liveLog(out: Screen, hasColours: boolean, nowMs: () => number = Date.now): LiveLog {
  const screen = new LiveScreen(out, hasColours);
  let status: AgentStatus = EMPTY_STATUS;
  let isDue: NodeJS.Timeout | null = null;
  const draw = () => {
    isDue = null;
    screen.show(statusLines(status, nowMs()));
  };
  const tick = setInterval(draw, TICK_MS);
  let isEnded = false;
  return {
    log: (event, fields = {}) => {
      status = nextStatus(status, { ...fields, atMs: nowMs(), event });
      if (!isEnded) isDue ??= setTimeout(draw, DRAW_EVERY_MS);
    },
    end: () => {
      if (isEnded) return;
      isEnded = true;
      clearInterval(tick);
      if (isDue) clearTimeout(isDue);
      draw();
      screen.end();
    },
  };
}
