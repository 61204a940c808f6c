import { blockTerms } from '#protocol/blockTerms.js';
import type { BlockRequest } from '#protocol/messages.js';
import { type Hex, jobIdOf } from '#protocol/units.js';
import type { Network } from './network.js';
import { SIMULATED_CIRCUIT_ID } from './openingCommands.js';
import type { Party } from './party.js';
import type { World } from './world.js';

const ETH = 10n ** 18n;

/** How long a requester asks for an answer, in milliseconds. */
const PATIENCE_MS = 20_000;

/** A rollup operator: submits blocks now and then, some of them on terms that no market can take. */
export class RequesterParty {
  /** Blocks that have no answer yet, or are not submitted yet. */
  unanswered: number;
  private readonly world: World;
  private readonly network: Network;
  private readonly party: Party;
  private readonly place: string;
  private readonly skewMs: number;
  private nonce = 0;

  constructor(world: World, network: Network, party: Party, number: number) {
    const { fate, timeline, weather } = world;
    this.world = world;
    this.network = network;
    this.party = party;
    this.place = `requester ${number}`;
    this.skewMs = fate.between(`${this.place} skew`, -weather.skewMsMax, weather.skewMsMax);
    this.unanswered = fate.between(`${this.place} blocks`, 1, 4);
    for (let block = 0; block < this.unanswered; block += 1) {
      timeline.after(fate.between(`${this.place} when`, 1_000, 60_000), () => this.submit());
    }
  }

  private submit(): void {
    const { fate, timeline } = this.world;
    this.nonce += 1;
    const message = this.request();
    const { digest, signature } = this.party.sign('BlockRequest', message);
    const isOrdered = fate.chance(`${this.place} ordered`, 30);
    const jobs = Array.from({ length: fate.between(`${this.place} jobs`, 1, 4) }, (_, index) => {
      const after = isOrdered ? this.before(index) : [];
      return {
        publicSignals: [`${index}`, `${index + 1}`, '7'],
        inputHash: `0x${'dd'.repeat(32)}` as Hex,
        ...(after.length > 0 && { after }),
      };
    });
    for (const index of jobs.keys()) {
      const isUnprovable =
        this.world.stormy() && fate.chance(`${this.place} unprovable`, this.world.weather.unprovablePercent);
      if (isUnprovable) this.world.unprovable.add(jobIdOf(digest, index));
    }
    const done = () => {
      this.unanswered -= 1;
    };
    let open = true;
    const untilMs = timeline.nowMs + PATIENCE_MS;
    this.network.send({
      from: this.place,
      command: { kind: 'submitBlock', message, signature, digest, jobs },
      digest,
      untilMs,
      isAlive: () => open,
      onAnswer: (answer) => {
        this.world.note(answer.ok ? 'block: taken' : `block: refused, ${answer.code}`);
        if (answer.ok && fate.chance(`${this.place} withdraws`, 12)) this.withdrawSoon(digest);
      },
    });
    timeline.at(untilMs + 60_000, () => {
      open = false;
      done();
    });
  }

  /** It wants the block no more: at any time from its first round to its deadline. */
  private withdrawSoon(blockId: Hex): void {
    const { fate, timeline } = this.world;
    timeline.after(fate.between(`${this.place} withdraws when`, 0, 12_000), () => {
      const issuedAtMs = timeline.nowMs + this.skewMs;
      const message = { requester: this.party.address, blockId, issuedAtMs };
      const { digest, signature } = this.party.sign('BlockWithdrawal', message);
      this.network.send({
        from: this.place,
        command: { kind: 'withdrawBlock', message, signature, digest },
        digest,
        untilMs: timeline.nowMs + PATIENCE_MS,
        isAlive: () => true,
        onAnswer: (answer) => this.world.note(answer.ok ? 'withdrawal: taken' : `withdrawal: refused, ${answer.code}`),
      });
    });
  }

  /** Some of the jobs before a job's place: it waits for them. */
  private before(place: number): number[] {
    const places = Array.from({ length: place }, (_, index) => index);
    return places.filter((index) => this.world.fate.chance(`${this.place} ${place} after ${index}`, 60));
  }

  private request(): BlockRequest {
    const { fate, timeline } = this.world;
    const draw = <Value>(what: string, values: readonly Value[]) => fate.pick(`${this.place} ${what}`, values);
    const isFastest = fate.chance(`${this.place} fastest`, 20);
    const isHopeless = fate.chance(`${this.place} hopeless`, 5);
    const maxPriceWei = fate.chance(`${this.place} zero`, 2) ? 0n : ETH;
    const clockMs = timeline.nowMs + this.skewMs;
    return {
      requester: this.party.address,
      nonce: fate.chance(`${this.place} old nonce`, 3) ? 1 : this.nonce,
      circuitId: SIMULATED_CIRCUIT_ID,
      blockHash: `0x${'bb'.repeat(32)}`,
      ...blockTerms({
        label: 'simulated',
        deadlineMs: clockMs + (isHopeless ? 1_000 : fate.between(`${this.place} deadline`, 6_000, 45_000)),
        bidWindowMs: fate.between(`${this.place} window`, 500, 3_000),
        maxPriceWei,
        startPriceWei: maxPriceWei / draw('start price', [1n, 1n, 3n]),
        rounds: draw('rounds', [1, 2, 3]),
        missCostWei: draw('miss cost', [0n, 1n, 2n, 10n, 100n]) * ETH,
        backup: draw('backup', ['market', 'market', 'required', 'none'] as const),
        sealing: fate.chance(`${this.place} sealing`, 30) ? 'commitReveal' : 'receipt',
        pool: fate.chance(`${this.place} pool`, 75) ? 'open' : 'none',
        award: isFastest ? 'fastest' : 'cheapest',
        pricing: isFastest || fate.chance(`${this.place} first`, 20) ? 'first' : 'vickrey',
      }),
    };
  }
}
