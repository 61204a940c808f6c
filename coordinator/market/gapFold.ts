/** What a gap of the coordinator changes: a part of `evolve`. Source: ARCHITECTURE.md, "Downtime". */
import { isRevealing } from './commitReveal.js';
import { silentSinceMs } from './downtime.js';
import { shiftPool } from './poolFold.js';
import type { Assignment, MarketState, Round } from './state.js';

/** The coordinator is back after a gap, and when there was the last sign of life before it. Unix milliseconds. */
export interface Gap {
  atMs: number;
  lastSignMs: number;
  gapMs: number;
}

/** Puts off what the gap took the time of. */
export function foldGap(state: MarketState, { gapMs, lastSignMs, atMs }: Gap): void {
  state.silentSinceMs = silentSinceMs(state, lastSignMs);
  state.startedAtMs = atMs;
  for (const round of state.rounds.values()) if (isRevealing(round)) excuseReveals(round, lastSignMs, gapMs);
  for (const job of state.jobs.values()) if (job.status !== 'ended') shiftPool(state, job, gapMs, atMs);
  if (gapMs === 0) return;
  state.gapEndedAtMs = atMs;
  for (const round of state.rounds.values()) if (round.clearedAtMs === null) round.closesAtMs += gapMs;
  for (const challenge of state.challenges.values()) {
    if (challenge.status === 'open' && challenge.dueMs >= atMs - gapMs) challenge.dueMs += gapMs;
  }
  for (const job of state.jobs.values()) {
    if (job.status !== 'awarded') continue;
    for (const side of [job.primary, job.backup]) {
      if (!side) continue;
      if (side.inputRefusedAtMs !== null) side.inputRefusedAtMs = Math.min(side.inputRefusedAtMs + gapMs, atMs);
      shiftAssignment(side, gapMs, atMs);
    }
    if (job.backupStartMs !== null) job.backupStartMs += gapMs;
  }
}

/** Gives an assignment the time back that the coordinator cost it, unless it was due before that time began. */
export function shiftAssignment(side: Assignment, lostMs: number, atMs: number): void {
  if (side.dueMs >= atMs - lostMs) side.dueMs += lostMs;
  if (side.spentAtMs !== null && side.spentAtMs >= atMs - lostMs) side.spentAtMs += lostMs;
  // What counts as proving time begins later too.
  if (side.activeSinceMs !== null) side.activeSinceMs = Math.min(side.activeSinceMs + lostMs, atMs);
  if (side.freeFromMs >= atMs - lostMs) side.freeFromMs += lostMs;
}

/** Bids could not be opened while the coordinator was away: there is as much time more, and nobody is charged. */
function excuseReveals(round: Round, lastSignMs: number, gapMs: number): void {
  if (lastSignMs <= round.revealsUntilMs!) round.revealExcused = true;
  round.revealsUntilMs! += gapMs;
}
