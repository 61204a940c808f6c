import type { Hex } from '#protocol/units.js';
import type { PartyCommand } from './party.js';
import type { Answer } from './storage.js';
import type { World } from './world.js';

/** Rejections that time may cure: whoever gets one sends the same message again. As in the journal's answers. */
export const PASSING: ReadonlySet<string> = new Set([
  'notActivated',
  'notEligible',
  'poolClosed',
  'poolFull',
  'commitPending',
  'noPoolCommitment',
  'submissionPending',
  'roundFull',
  'wrongSealing',
  'notSealed',
  'unknownProver',
  'unknownRound',
  'unknownJob',
  'unknownCircuit',
  'unknownBlock',
  'messageFromFuture',
  'ownerSignatureMissing',
  'challengeNeeded',
  'challengeOpen',
]);

/** Where messages arrive. */
export interface Door {
  receive(command: PartyCommand, digest: Hex, answer: (answer: Answer) => void): void;
}

/** One message that its sender repeats until it is answered. */
export interface Sending {
  /** Who sends: names the place of the draws. */
  from: string;
  command: PartyCommand;
  digest: Hex;
  /** The sender stops asking at this moment, Unix milliseconds. */
  untilMs: number;
  /** False once the sender has died: it neither repeats nor hears. */
  isAlive(): boolean;
  /** Called once with the answer that counts. */
  onAnswer?(answer: Answer): void;
  /** Called when the network loses this message or its answer. */
  onLost?(): void;
}

/** A network that loses, duplicates, delays and so reorders messages, in both directions. */
export class Network {
  private readonly world: World;
  private readonly door: Door;

  constructor(world: World, door: Door) {
    this.world = world;
    this.door = door;
  }

  /** Carries one message one way: not at all, once or twice, each copy in a time of its own. */
  carry(place: string, arrive: () => void, onLost?: () => void): void {
    const { fate, weather, timeline } = this.world;
    const stormy = this.world.stormy();
    const copies = stormy && fate.chance(`${place} duplicate`, weather.duplicatePercent) ? 2 : 1;
    if (copies === 2) this.world.note('fault: message duplicated');
    for (let copy = 0; copy < copies; copy += 1) {
      if (stormy && fate.chance(`${place} loss`, weather.lossPercent)) {
        this.world.note('fault: message lost');
        onLost?.();
        continue;
      }
      const isSlow = stormy && fate.chance(`${place} slow`, weather.slowPercent);
      if (isSlow) this.world.note('fault: message delayed');
      const ms = fate.between(`${place} delay`, 1, isSlow ? weather.slowMsMax : weather.delayMsMax);
      timeline.after(ms, arrive);
    }
  }

  /** Sends until there is an answer that counts: the same message, so the same digest. */
  send(sending: Sending): void {
    const { fate, timeline } = this.world;
    const { from, command, digest, untilMs, isAlive, onAnswer, onLost } = sending;
    let answered = false;
    const hear = (answer: Answer) => {
      if (answered || !isAlive()) return;
      if (!answer.ok && (answer.code === 'unavailable' || PASSING.has(answer.code))) return;
      answered = true;
      onAnswer?.(answer);
    };
    const attempt = () => {
      if (answered || !isAlive() || timeline.nowMs >= untilMs) return;
      this.carry(
        `${from} to`,
        () => this.door.receive(command, digest, (answer) => this.carry(`${from} back`, () => hear(answer), onLost)),
        onLost,
      );
      timeline.after(fate.between(`${from} patience`, 300, 1_000), attempt);
    };
    attempt();
  }
}
