/** A prover's agent: follows the feed, bids, proves, shows signs of life, submits, and fails as its character has it. */
import { contentHashOf } from '#protocol/contentHash.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { GiveUp } from '#protocol/messages.js';
import { blockIdOf } from '#protocol/units.js';
import { Challenger } from './challenger.js';
import type { Character } from './character.js';
import type { Coordinator } from './coordinator.js';
import type { InputAnswer } from './inputDesk.js';
import type { Network } from './network.js';
import type { Party, PartyCommand } from './party.js';
import { PoolPlayer } from './poolPlayer.js';
import { SealedBidder } from './sealedBidder.js';
import { everyNowAndThen, type World } from './world.js';

const MILLI_ETHER = 10n ** 15n;
const HEARTBEAT_MS = 1_000;
const REGISTER_MS = 120_000;

/** What a prover that gives up for no reason says. */
const EXCUSES: readonly GiveUp['reason'][] = ['overloaded', 'overloaded', 'inputUnavailable', 'witnessFailed'];

const UNBEGUN = { input: 'none' as const, endMs: null };

/** A job that it holds. */
interface Held {
  deadlineMs: number;
  publicSignals: string[];
  stage: 'standby' | 'queued' | 'proving' | 'delivered';
  /** Its input: not asked for yet, asked for, or there. */
  input: 'none' | 'asked' | 'there';
  /** When the zkProof will be made; null until it is begun. */
  endMs: number | null;
}

export interface ProverPartyOptions {
  world: World;
  network: Network;
  coordinator: Coordinator;
  party: Party;
  owner: Party;
  number: number;
  character: Character;
}

export class ProverParty {
  private readonly options: ProverPartyOptions;
  private readonly world: World;
  private readonly place: string;
  private readonly skewMs: number;
  /** Counts lives: what an earlier one has planned does not happen. Null while it is dead. */
  private life: number | null = 1;
  private lives = 1;
  private feedIndex = 0;
  private serial = 0;
  private proving = 0;
  private readonly sealed: SealedBidder;
  private readonly pool: PoolPlayer;
  private held = new Map<string, Held>();
  private readonly challenger: Challenger;
  private jobFacts = new Map<string, { deadlineMs: number; publicSignals: string[] }>();

  constructor(options: ProverPartyOptions) {
    const { world, number, character } = options;
    this.options = options;
    this.world = world;
    this.place = `prover ${number}`;
    this.skewMs = world.fate.between(`${this.place} skew`, -world.weather.skewMsMax, world.weather.skewMsMax);
    world.note(`prover: ${character.kind}`);
    const later = (ms: number, happen: () => void) => this.later(ms, happen);
    const send: ProverParty['send'] = (...sending) => this.send(...sending);
    const { place, skewMs } = this;
    const parts = { world, party: options.party, place, character, later, send };
    this.challenger = new Challenger({ ...parts, skewMs });
    this.sealed = new SealedBidder(parts);
    this.pool = new PoolPlayer(parts);
    this.register();
    this.challenger.ask();
    this.follow();
    this.beat();
    everyNowAndThen(world, `${this.place} crash`, character.crashEveryMs, () => this.die(15_000));
  }

  private get address() {
    return this.options.party.address;
  }

  private chance(what: string, percent: number): boolean {
    return this.world.fate.chance(`${this.place} ${what}`, percent);
  }

  private between(what: string, min: number, max: number): number {
    return this.world.fate.between(`${this.place} ${what}`, min, max);
  }

  /** Plans something that happens only if it lives through to then. */
  private later(ms: number, happen: () => void): void {
    const { life } = this;
    this.world.timeline.after(ms, () => {
      if (life !== null && life === this.life) happen();
    });
  }

  private send(command: PartyCommand, untilMs: number, onLost?: () => void, onOk?: () => void) {
    const { life } = this;
    const { digest } = command;
    this.options.network.send({
      from: this.place,
      command,
      digest,
      untilMs,
      isAlive: () => life !== null && life === this.life,
      onAnswer: (answer) => {
        if (answer.ok) onOk?.();
        else this.world.note(`refused: ${command.kind}, ${answer.code}`);
      },
      ...(onLost && { onLost }),
    });
  }

  private register(): void {
    const { party, owner, number } = this.options;
    const issuedAtMs = this.world.timeline.nowMs + this.skewMs;
    const message = { prover: this.address, owner: owner.address, name: `prover ${number}`, issuedAtMs };
    const { digest, signature } = party.sign('ProverRegistration', message);
    const ownerSignature = owner === party ? null : owner.sign('ProverRegistration', message).signature;
    const untilMs = this.world.timeline.nowMs + REGISTER_MS;
    this.send({ kind: 'registerProver', message, signature, digest, ownerSignature }, untilMs);
  }

  /** Disappears, for a while or for good; what it was proving is lost, and it asks for its dues when it is back. */
  private die(awayMsMax: number): void {
    if (this.life === null) return;
    this.world.note('fault: prover crashed');
    this.life = null;
    for (const [key, delivery] of this.world.deliveries) if (key.startsWith(this.address)) delivery.lost = true;
    for (const shown of this.world.shown.values()) if (shown.prover === this.address) shown.lost = true;
    this.held = new Map();
    this.proving = 0;
    this.world.timeline.after(this.between('away', 300, awayMsMax), () => {
      this.lives += 1;
      this.life = this.lives;
      this.register();
      this.challenger.ask();
      this.askForDues();
      this.follow();
      this.beat();
    });
  }

  private askForDues(): void {
    const dues = this.options.coordinator.duesOf(this.address);
    if (!dues) {
      this.later(500, () => this.askForDues());
      return;
    }
    for (const { jobId, primary, backup, deadlineMs, publicSignals } of dues) {
      if (this.held.has(jobId)) continue;
      const side = primary?.prover === this.address ? primary : backup;
      if (side?.status === 'gaveUp') continue;
      this.held.set(jobId, {
        deadlineMs,
        publicSignals,
        stage: side?.status === 'standby' ? 'standby' : 'queued',
        ...UNBEGUN,
      });
    }
    this.work();
  }

  /** The feed: nothing is lost and all is in order, but it comes later, and not while the coordinator is away. */
  private follow(): void {
    const entries = this.options.coordinator.feedFrom(this.feedIndex) ?? [];
    this.feedIndex += entries.length;
    for (const entry of entries) this.read(entry);
    this.later(this.between('feed', 20, 400), () => this.follow());
  }

  private beat(): void {
    const { network, coordinator } = this.options;
    for (const [jobId, held] of this.held) {
      const expectedEndMs = this.expectedEndMs(held);
      network.carry(`${this.place} heartbeat`, () => coordinator.receiveHeartbeat(jobId, this.address, expectedEndMs));
    }
    this.later(HEARTBEAT_MS, () => this.beat());
  }

  /** When it says that it will be done: liars never say, or say late. */
  private expectedEndMs({ stage, endMs }: Held): number | null {
    const { kind, provingMs } = this.options.character;
    const { nowMs } = this.world.timeline;
    if (kind === 'lying' || stage === 'standby' || stage === 'delivered') return null;
    if (this.chance('cries late', this.options.character.cryPercent)) return nowMs + 1_000_000;
    return endMs ?? nowMs + provingMs;
  }

  private read(entry: Entry): void {
    this.challenger.read(entry);
    this.pool.read(entry);
    switch (entry.type) {
      case 'blockSubmitted':
        for (const { jobId, publicSignals } of entry.jobs) {
          this.jobFacts.set(jobId, { deadlineMs: entry.message.deadlineMs, publicSignals });
        }
        break;
      case 'roundOpened':
        for (const jobId of entry.jobIds) {
          const facts = this.jobFacts.get(jobId);
          if (facts) facts.deadlineMs = entry.deadlineMs;
        }
        this.consider(entry);
        break;
      case 'bidCommitted':
      case 'bidsSealed':
        this.sealed.read(entry);
        break;
      case 'roundCleared':
        this.takeAwards(entry);
        break;
      case 'backupActivated':
        if (entry.prover === this.address) this.start(entry.jobId);
        break;
      case 'proofReceived':
        this.steal(entry);
        break;
      case 'proofRejected':
        if (entry.prover === this.address) this.start(entry.jobId);
        break;
      case 'proofAccepted':
      case 'jobExpired':
        this.held.delete(entry.jobId);
        break;
    }
  }

  /** Bids for a round, at times twice. */
  private consider(round: EntryOf<'roundOpened'>): void {
    if (!this.chance('bids', this.options.character.bidPercent)) return;
    this.later(this.between('thinks', 0, 900), () => this.bid(round));
    if (this.chance('bids again', 15)) this.later(this.between('thinks again', 0, 2_500), () => this.bid(round));
  }

  private bid(round: EntryOf<'roundOpened'>): void {
    const { roundId, closesAtMs, sealing } = round;
    const { character, party } = this.options;
    this.serial += 1;
    const lifeMs = this.world.fate.pick(`${this.place} bid life`, [2_000, 30_000, 600_000]);
    const message = {
      roundId,
      prover: this.address,
      priceWei: (BigInt(character.priceMilli + this.between('mood', 0, 20)) * MILLI_ETHER).toString(),
      standbyWei: (BigInt(character.standbyMilli) * MILLI_ETHER).toString(),
      maxJobs: character.maxJobs,
      maxConcurrent: character.slots,
      provingMsP95: character.promisedMs,
      expiresAtMs: closesAtMs + lifeMs + this.skewMs,
      salt: `0x${`${this.lives}${this.serial}`.padStart(64, '0')}` as const,
    };
    if (sealing === 'commitReveal') {
      this.sealed.commit(message, round);
      return;
    }
    const { digest, signature } = party.sign('Bid', message);
    this.send({ kind: 'placeBid', message, signature, digest }, closesAtMs + 1_000);
  }

  private takeAwards({ awards }: EntryOf<'roundCleared'>): void {
    for (const { jobId, primary, backup } of awards) {
      const isPrimary = primary.prover === this.address;
      const facts = this.jobFacts.get(jobId);
      if ((!isPrimary && backup?.prover !== this.address) || !facts || this.held.has(jobId)) continue;
      this.held.set(jobId, { ...facts, stage: isPrimary ? 'queued' : 'standby', ...UNBEGUN });
      if (this.chance('gives up', this.options.character.giveUpPercent)) {
        const reason = this.world.fate.pick(`${this.place} excuse`, EXCUSES);
        this.later(this.between('gives up when', 0, 8_000), () => this.giveUp(jobId, reason));
      }
      if (!isPrimary && this.options.character.impatient) {
        this.later(this.between('hurries', 100, 3_000), () => this.start(jobId));
      }
    }
    const isAffected = awards.some(({ primary, backup }) =>
      [primary, backup].some((side) => side?.prover === this.address),
    );
    if (isAffected && this.chance('vanishes', this.options.character.vanishPercent)) this.die(120_000);
    else this.work();
  }

  private start(jobId: string): void {
    const held = this.held.get(jobId);
    if (!held || held.stage === 'proving') return;
    held.stage = 'queued';
    this.work();
  }

  /** Proves what is queued, as many jobs at once as it has slots. */
  private work(): void {
    const { character } = this.options;
    for (const [jobId, held] of this.held) {
      if (this.proving >= character.slots) return;
      if (held.stage !== 'queued') continue;
      if (held.input !== 'there') {
        this.askForInput(jobId, held);
        continue;
      }
      held.stage = 'proving';
      this.proving += 1;
      const shortestMs = Math.ceil(character.provingMs / 2);
      const provingMs = this.between('proves', shortestMs, character.provingMs);
      held.endMs = this.world.timeline.nowMs + provingMs;
      this.later(provingMs, () => {
        this.proving -= 1;
        held.stage = 'delivered';
        if (this.held.get(jobId) === held) this.deliver(jobId, held);
        this.work();
      });
    }
  }

  /** Asks for an input until it is there; gives the job back in time when it is not. */
  private askForInput(jobId: string, held: Held): void {
    if (held.input === 'asked') return;
    held.input = 'asked';
    const { network, coordinator, character } = this.options;
    const { life } = this;
    const hear = (answer: InputAnswer) => {
      if (life !== this.life || this.held.get(jobId) !== held || held.input === 'there' || answer === 'refused') return;
      held.input = 'there';
      this.work();
    };
    const ask = () => {
      if (this.held.get(jobId) !== held || held.input === 'there') return;
      const isHopeless = this.world.timeline.nowMs + character.provingMs > held.deadlineMs;
      if (isHopeless && character.cheatPercent === 0) {
        this.giveUp(jobId, 'inputUnavailable');
        return;
      }
      network.carry(`${this.place} asks`, () =>
        coordinator.receiveInputQuestion(jobId, this.address, (answer) =>
          network.carry(`${this.place} hears`, () => hear(answer)),
        ),
      );
      this.later(this.between('asks again', 300, 1_500), ask);
    };
    ask();
  }

  private deliver(jobId: string, { publicSignals, deadlineMs }: Held): void {
    const cheats = this.chance('cheats', this.options.character.cheatPercent);
    if (this.world.unprovable.has(jobId) && !cheats) {
      this.giveUp(jobId, 'witnessFailed');
      return;
    }
    const alters = cheats && this.chance('alters signals', 30);
    this.serial += 1;
    // Proof bytes are no identity: each proving of a statement gives others.
    const zkProof = { truth: cheats ? 'invalid' : 'valid', by: this.address, serial: `${this.lives}.${this.serial}` };
    this.submit(jobId, alters ? ['0', ...publicSignals.slice(1)] : publicSignals, zkProof, deadlineMs);
  }

  private submit(jobId: string, publicSignals: string[], zkProof: Record<string, unknown>, deadlineMs: number): void {
    const message = { jobId, prover: this.address, contentHash: contentHashOf({ publicSignals, zkProof }) };
    const { digest, signature } = this.options.party.sign('ProofSubmission', message);
    const { nowMs } = this.world.timeline;
    const key = `${this.address} ${jobId}`;
    const isHonest = zkProof.truth === 'valid' && this.options.character.cheatPercent === 0;
    if (isHonest && !this.world.deliveries.has(key)) this.world.deliveries.set(key, { readyAtMs: nowMs, lost: false });
    const delivery = this.world.deliveries.get(key);
    this.send({ kind: 'submitProof', message, signature, digest, publicSignals, zkProof }, deadlineMs + 2_000, () => {
      if (delivery) delivery.lost = true;
    });
  }

  /** Submits under its own name what another has proven, whether it holds the job or not. */
  private steal({ message, publicSignals, zkProof }: EntryOf<'proofReceived'>): void {
    if (message.prover === this.address || !this.chance('steals', this.options.character.stealPercent)) return;
    this.world.note('behaviour: stole a zkProof');
    const deadlineMs = this.jobFacts.get(message.jobId)?.deadlineMs ?? this.world.timeline.nowMs;
    this.submit(message.jobId, publicSignals, zkProof, deadlineMs);
  }

  private giveUp(jobId: string, reason: GiveUp['reason'] = 'overloaded'): void {
    const held = this.held.get(jobId);
    if (!held) return;
    this.held.delete(jobId);
    const message = { jobId, prover: this.address, reason, detail: '' };
    const { digest, signature } = this.options.party.sign('GiveUp', message);
    this.send({ kind: 'giveUp', message, signature, digest }, held.deadlineMs);
    this.world.note('behaviour: gave up', blockIdOf(jobId));
  }
}
