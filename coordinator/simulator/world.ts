import type { Hex } from '#protocol/units.js';
import type { Fate } from './fate.js';
import type { InputStore } from './inputDesk.js';
import type { Timeline } from './timeline.js';
import type { Weather } from './weather.js';

/** Parts that can be broken on purpose, so that tests know that the search finds such faults. */
export type BrokenPart =
  | 'acknowledgesBeforeCommit'
  | 'forgetsWakeUps'
  | 'paysUnverified'
  | 'paysOutOfTurn'
  | 'ignoresDowntime'
  | 'judgesBeforeGaps'
  | 'forgetsRefusals'
  | 'believesClaims'
  | 'ignoresOpenings';

/** What an honest prover did for a job, whatever the coordinator has seen of it. */
export interface Delivery {
  /** When its valid zkProof was first handed to the network, Unix milliseconds. */
  readyAtMs: number;
  /** True when the network lost a message of it, or the prover died before it had an answer. */
  lost: boolean;
}

/** What an honest prover showed of what it had committed to in the pool. */
export interface Shown {
  prover: string;
  /** When it was first handed to the network, Unix milliseconds. */
  atMs: number;
  /** True when the network lost a message of it, or the prover died. */
  lost: boolean;
}

/** What every part of a simulated market shares. */
export interface World {
  fate: Fate;
  timeline: Timeline;
  weather: Weather;
  broken: BrokenPart | null;
  /** False in the last part of a run: no more faults, so that everything can come to its end. */
  stormy(): boolean;
  /** Counts that something happened; also the line of a trace. */
  note(what: string, about?: string): void;
  /** Records that something happened that never may. */
  violation(text: string): void;
  /** By `prover job`. */
  deliveries: Map<string, Delivery>;
  /** By commitment. */
  shown: Map<string, Shown>;
  inputs: Pick<InputStore, 'has'>;
  /** By `prover job`: who was told last that its input cannot be served, and who ever was about to be. */
  refused: Set<string>;
  everRefused: Set<string>;
  /** Jobs without a witness. */
  unprovable: Set<string>;
  /** Whether the zkProof of a challenge is valid, by the digest of its submission. */
  challengeTruths: Map<Hex, boolean>;
}

/** Plans something again and again, at intervals around `everyMs`, while the world is stormy. */
export function everyNowAndThen(world: World, place: string, everyMs: number, happen: () => void): void {
  if (everyMs === 0) return;
  const next = () => {
    world.timeline.after(world.fate.between(place, everyMs / 4, (everyMs * 7) / 4), () => {
      if (!world.stormy()) return;
      happen();
      next();
    });
  };
  next();
}
