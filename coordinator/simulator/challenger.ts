/** How a prover comes by its admission to a circuit: asks for a challenge, proves it, and tries again when it was lost. */
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Character } from './character.js';
import { SIMULATED_CIRCUIT_ID } from './openingCommands.js';
import type { Party, PartyCommand } from './party.js';
import type { World } from './world.js';

/** How long a request is repeated, in milliseconds: it is good for ten minutes. */
const PATIENCE_MS = 120_000;

export interface ChallengerOptions {
  world: World;
  party: Party;
  place: string;
  character: Character;
  skewMs: number;
  /** Plans something that happens only if the prover lives through to then. */
  later(ms: number, happen: () => void): void;
  send(command: PartyCommand, untilMs: number): void;
}

export class Challenger {
  private readonly options: ChallengerOptions;
  private serial = 0;

  constructor(options: ChallengerOptions) {
    this.options = options;
  }

  /** Asks for a challenge, with another message each time. */
  ask(): void {
    const { world, party, send, skewMs } = this.options;
    const issuedAtMs = world.timeline.nowMs + skewMs;
    const message = { prover: party.address, circuitId: SIMULATED_CIRCUIT_ID, issuedAtMs };
    const { digest, signature } = party.sign('ChallengeRequest', message);
    send({ kind: 'requestChallenge', message, signature, digest }, world.timeline.nowMs + PATIENCE_MS);
  }

  /** Acts on what the feed says of this prover's challenges. */
  read(entry: Entry): void {
    const { party, later, world } = this.options;
    if (entry.type === 'challengeIssued' && entry.message.prover === party.address) {
      later(this.between('proves a challenge', 200, this.options.character.provingMs), () => this.deliver(entry));
      // Whatever becomes of it, another can be had when it would have been due; one that has passed needs none.
      later(Math.max(0, entry.dueMs - world.timeline.nowMs) + 1, () => this.ask());
    }
  }

  private deliver({ challengeId, dueMs }: EntryOf<'challengeIssued'>): void {
    const { world, party, place, character, send } = this.options;
    this.serial += 1;
    const contentHash = contentHashOf([party.address, challengeId, this.serial]);
    const message = { prover: party.address, circuitId: SIMULATED_CIRCUIT_ID, challengeId, contentHash };
    const { digest, signature } = party.sign('ChallengeSubmission', message);
    const cheats = world.fate.chance(`${place} cheats at a challenge`, character.cheatPercent);
    world.challengeTruths.set(digest, !cheats);
    send({ kind: 'submitChallenge', message, signature, digest }, dueMs + 2_000);
  }

  private between(what: string, min: number, max: number): number {
    return this.options.world.fate.between(`${this.options.place} ${what}`, min, max);
  }
}
