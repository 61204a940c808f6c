import type { Fate } from './fate.js';

export type Kind = 'honest' | 'slow' | 'lying' | 'vanishing' | 'crashing' | 'cheating' | 'quitting' | 'colluding';

/** How a prover is: what it can do, what it says, and how it behaves. */
export interface Character {
  kind: Kind;
  /** How long it takes to prove a job, in milliseconds, before chance. */
  provingMs: number;
  /** The p95 that it promises. */
  promisedMs: number;
  slots: number;
  maxJobs: number;
  /** Its prices in thousandths of one ether, the usual max price. */
  priceMilli: number;
  standbyMilli: number;
  bidPercent: number;
  /** How often it disappears, for a while or for good, when it gets an award. */
  vanishPercent: number;
  crashEveryMs: number;
  giveUpPercent: number;
  /** How often a heartbeat says that it will be late when it need not be. */
  cryPercent: number;
  /** How often it submits something that is not a valid zkProof of the statement. */
  cheatPercent: number;
  /** How often it submits what another has proven. */
  stealPercent: number;
  /** How often it opens a bid that it has committed to; below 100 it also opens other bids than that, and late. */
  openPercent: number;
  /** A backup that submits before it is called. */
  impatient: boolean;
}

const KINDS: readonly Kind[] = [
  'honest',
  'honest',
  'honest',
  'slow',
  'lying',
  'vanishing',
  'crashing',
  'cheating',
  'quitting',
];

/** Draws a prover. @param kind - as what, when that is given: colluding ones come in pairs */
export function drawCharacter(fate: Fate, place: string, kind: Kind = fate.pick(`${place} kind`, KINDS)): Character {
  const between = (what: string, min: number, max: number) => fate.between(`${place} ${what}`, min, max);
  const provingMs = between('proving', 300, 6_000);
  const honest: Character = {
    kind,
    provingMs,
    promisedMs: provingMs + between('reserve', 0, 2_000),
    slots: between('slots', 1, 3),
    maxJobs: between('maxJobs', 1, 5),
    priceMilli: between('price', 10, 800),
    standbyMilli: between('standby', 0, 60),
    bidPercent: between('bid', 60, 100),
    vanishPercent: 0,
    crashEveryMs: 0,
    giveUpPercent: 0,
    cryPercent: 0,
    cheatPercent: 0,
    stealPercent: 0,
    openPercent: 100,
    impatient: fate.chance(`${place} impatient`, 20),
  };
  return { ...honest, ...traitsOf(kind, honest) };
}

/** How the dishonest and the unlucky differ from the honest. */
function traitsOf(kind: Kind, { provingMs }: Character): Partial<Character> {
  switch (kind) {
    case 'slow':
      return { provingMs: provingMs * 4 };
    case 'lying':
      return { promisedMs: Math.max(1, Math.floor(provingMs / 5)), provingMs: provingMs * 2 };
    case 'vanishing':
      return { vanishPercent: 40 };
    case 'crashing':
      return { crashEveryMs: 8_000 };
    case 'cheating':
      return { cheatPercent: 60, stealPercent: 50, openPercent: 60 };
    case 'quitting':
      return { giveUpPercent: 40, cryPercent: 10, openPercent: 70 };
    case 'colluding':
      return { priceMilli: 1, promisedMs: 300, vanishPercent: 90, bidPercent: 100 };
    default:
      return {};
  }
}
