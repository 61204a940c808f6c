/** The coordinator through all its lives: killed and started again, standing still, with its database away. */
import type { Command } from '#market/command.js';
import type { Job } from '#market/state.js';
import type { Entry } from '#protocol/entries.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Books } from './books.js';
import { type InputAnswer, serveInput } from './inputDesk.js';
import type { Door } from './network.js';
import { startOperator } from './operatorParty.js';
import type { PartyCommand } from './party.js';
import { CoordinatorProcess } from './process.js';
import type { Answer, Storage } from './storage.js';
import { everyNowAndThen, type World } from './world.js';

export class Coordinator implements Door {
  private readonly world: World;
  private readonly storage: Storage;
  private readonly books: Books;
  private process: CoordinatorProcess | null = null;
  private life = 0;
  private serving = false;
  private frozenUntilMs = 0;
  /** What must be committed before the market can be served for the first time. */
  private opening: Command[] = [];

  constructor(world: World, storage: Storage, books: Books) {
    this.world = world;
    this.storage = storage;
    this.books = books;
  }

  /** Starts the first life, opens the market with the given commands, and lets faults begin. */
  open(commands: Command[]): void {
    const { weather } = this.world;
    this.opening = [...commands];
    this.begin();
    everyNowAndThen(this.world, 'crash', weather.crashEveryMs, () => this.crash('at any time'));
    everyNowAndThen(this.world, 'freeze', weather.freezeEveryMs, () => this.freeze());
    everyNowAndThen(this.world, 'outage', weather.outageEveryMs, () => this.loseDatabase());
    startOperator(this.world, (change) => {
      if (this.process && this.serving) this.process.writer.execute(change(this.process.writer.state), null);
    });
    everyNowAndThen(this.world, 'flush', weather.flushEveryMs, () => {
      this.world.note('fault: queue flushed');
      this.process?.flushQueue();
    });
  }

  /** Takes a party's message; while nobody serves it is not answered. */
  receive(command: PartyCommand, digest: Hex, answer: (answer: Answer) => void): void {
    if (this.world.timeline.nowMs < this.frozenUntilMs) {
      this.world.timeline.at(this.frozenUntilMs, () => this.receive(command, digest, answer));
      return;
    }
    if (this.process && this.serving) this.process.writer.execute(command, digest, answer);
  }

  /** Takes an agent's sign of life, with when it expects to be done. */
  receiveHeartbeat(jobId: string, prover: Address, expectedEndMs: number | null): void {
    if (this.isReachable()) this.process!.noteHeartbeat(jobId, prover, expectedEndMs);
  }

  /** Takes a prover's question for its input; there may be no answer. */
  receiveInputQuestion(jobId: string, prover: Address, answer: (answer: InputAnswer) => void): void {
    if (this.isReachable()) serveInput(this.world, this.process!.desk(), { jobId, prover }, answer);
  }

  /** The feed: committed entries from an index on; null while it cannot be reached. */
  feedFrom(index: number): Entry[] | null {
    return this.isReachable() ? this.storage.entries.slice(index) : null;
  }

  /** Jobs that a prover holds, for one that has lost its memory; null while the coordinator cannot be reached. */
  duesOf(prover: Address): Job[] | null {
    if (!this.isReachable()) return null;
    const isHeld = (job: Job) => [job.primary, job.backup].some((side) => side?.prover === prover);
    return [...this.process!.writer.state.jobs.values()].filter((job) => job.status === 'awarded' && isHeld(job));
  }

  /** Whether what it has in memory is what the log folds to; checked whenever a process ends. */
  checkMemory(): void {
    if (this.process?.writer.isSettled()) this.books.compareState(this.process.writer.state);
  }

  private isReachable(): boolean {
    return this.process !== null && this.serving && this.world.timeline.nowMs >= this.frozenUntilMs;
  }

  /** Runs something at its time if this life lasts until then; a frozen process does it when it thaws. */
  private later(life: number, ms: number, happen: () => void): void {
    const run = () => {
      if (life !== this.life) return;
      if (this.world.timeline.nowMs < this.frozenUntilMs) this.world.timeline.at(this.frozenUntilMs, run);
      else happen();
    };
    this.world.timeline.after(ms, run);
  }

  private begin(): void {
    this.life += 1;
    const { life } = this;
    const process = new CoordinatorProcess({
      world: this.world,
      storage: this.storage,
      later: (ms, happen) => this.later(life, ms, happen),
      crash: (why) => this.crash(why),
      onCommitted: (entries) => {
        if (entries.some(({ type }) => type === 'coordinatorStarted')) this.books.outageEnds('dead', entries[0]!.atMs);
        this.books.follow(this.storage);
      },
      onAnswered: (digest, answer) => this.books.acknowledge(this.storage, digest, answer),
    });
    this.process = process;
    this.books.compareState(process.writer.state);
    this.openMarket(process, () =>
      process.start(() => {
        this.serving = true;
      }),
    );
  }

  /** A market's first commands, each until it is decided; then the rest of the start. */
  private openMarket(process: CoordinatorProcess, then: () => void): void {
    const [first] = this.opening;
    if (!first) {
      then();
      return;
    }
    process.writer.execute(first, null, (answer) => {
      if (answer.ok || answer.code !== 'unavailable') this.opening.shift();
      this.openMarket(process, then);
    });
  }

  private crash(why: string): void {
    if (!this.process) return;
    const downMs = this.world.fate.between('down', 50, this.world.weather.downMsMax);
    this.world.note(`fault: coordinator crashed ${why}`, `down for ${downMs} ms`);
    this.checkMemory();
    this.process = null;
    this.serving = false;
    this.life += 1;
    this.frozenUntilMs = 0;
    this.books.outageEnds('frozen', this.world.timeline.nowMs);
    this.books.outageBegins('dead', this.world.timeline.nowMs);
    this.world.timeline.after(downMs, () => this.begin());
  }

  private freeze(): void {
    if (!this.isReachable()) return;
    const { fate, weather, timeline } = this.world;
    const { life } = this;
    const ms = fate.between('frozen', 50, weather.downMsMax);
    this.world.note('fault: coordinator stood still', `for ${ms} ms`);
    this.frozenUntilMs = timeline.nowMs + ms;
    this.books.outageBegins('frozen', timeline.nowMs);
    timeline.after(ms, () => life === this.life && this.books.outageEnds('frozen', timeline.nowMs));
  }

  private loseDatabase(): void {
    if (this.storage.away) return;
    const { fate, weather, timeline } = this.world;
    const ms = fate.between('away', 50, weather.downMsMax);
    this.world.note('fault: database away', `for ${ms} ms`);
    this.storage.away = true;
    this.books.outageBegins('away', timeline.nowMs);
    timeline.after(ms, () => {
      this.storage.away = false;
      this.books.outageEnds('away', timeline.nowMs);
    });
  }
}
