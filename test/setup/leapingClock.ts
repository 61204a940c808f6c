/**
 * A clock for tests of long times: it runs as the real one, and leaps over minutes when told to. In a leap every timer of this
 * process that falls due is called at its time, one after another, with room between them for what the network answers. So what
 * is tested is the code as it is shipped, with all its pauses and limits, and nobody waits.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';

const timersPromises = createRequire(import.meta.url)('node:timers/promises') as {
  setTimeout: typeof import('node:timers/promises').setTimeout;
};

type Callback = (...args: unknown[]) => void;

/** A timer as Node hands it out, as far as this project asks anything of it. */
class Timer {
  handle: NodeJS.Timeout | null = null;
  constructor(
    readonly call: () => void,
    public dueMs: number,
    readonly again: () => void,
  ) {}
  ref(): this {
    this.handle?.ref();
    return this;
  }
  unref(): this {
    this.handle?.unref();
    return this;
  }
  refresh(): this {
    this.again();
    return this;
  }
  hasRef(): boolean {
    return this.handle?.hasRef() ?? false;
  }
}

/** Longest real wait for answers before a leap goes on to the next timer, in milliseconds. */
const QUIET_WITHIN_MS = 1_000;

export class LeapingClock {
  readonly #real = {
    now: Date.now,
    performanceNow: performance.now.bind(performance),
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    abortAfter: AbortSignal.timeout,
    delay: timersPromises.setTimeout,
  };
  readonly #timers = new Set<Timer>();
  #leaptMs = 0;

  /** Puts the clock in the place of this process's; {@link uninstall} when the test is over. */
  static install(): LeapingClock {
    const clock = new LeapingClock();
    const real = clock.#real;
    Date.now = () => real.now() + clock.#leaptMs;
    performance.now = () => real.performanceNow() + clock.#leaptMs;
    const setTimer = (callback: Callback, ms = 0, ...args: unknown[]) => clock.#set(() => callback(...args), ms);
    const clearTimer = (timer: unknown) => clock.#clear(timer);
    Object.assign(globalThis, {
      setTimeout: setTimer,
      clearTimeout: clearTimer,
      setInterval: (callback: Callback, ms = 0, ...args: unknown[]) => clock.#repeat(() => callback(...args), ms),
      clearInterval: clearTimer,
    });
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      clock.#set(() => controller.abort(new DOMException('The operation timed out', 'TimeoutError')), ms).unref();
      return controller.signal;
    };
    clock.#setDelay(clock.#delay as typeof timersPromises.setTimeout);
    return clock;
  }

  uninstall(): void {
    const { now, performanceNow, abortAfter, delay, ...timers } = this.#real;
    for (const timer of this.#timers) this.#clear(timer);
    Date.now = now;
    performance.now = performanceNow;
    AbortSignal.timeout = abortAfter;
    this.#setDelay(delay);
    const { setTimeout, clearTimeout, setInterval, clearInterval } = timers;
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
  }

  /**
   * Goes on by so many milliseconds.
   * @param isQuiet - true when all answers that come at all have come; before that no later timer is called
   */
  async leap(ms: number, isQuiet: () => boolean): Promise<void> {
    const endMs = Date.now() + ms;
    for (;;) {
      await this.#settle(isQuiet);
      const next = [...this.#timers].reduce<Timer | null>((a, b) => (a && a.dueMs <= b.dueMs ? a : b), null);
      if (!next || next.dueMs > endMs) break;
      this.#leaptMs += Math.max(0, next.dueMs - Date.now());
      this.#fire(next);
    }
    this.#leaptMs += Math.max(0, endMs - Date.now());
    for (const timer of this.#timers) this.#arm(timer);
  }

  async #settle(isQuiet: () => boolean): Promise<void> {
    const { performanceNow } = this.#real;
    const endMs = performanceNow() + QUIET_WITHIN_MS;
    do {
      // Two turns: one for the answer, one for what is done about it.
      for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    } while (!isQuiet() && performanceNow() < endMs);
  }

  #set(call: () => void, ms: number): Timer {
    const again = () => {
      timer.dueMs = Date.now() + Math.max(1, ms);
      this.#timers.add(timer);
      this.#arm(timer);
    };
    const timer: Timer = new Timer(call, 0, again);
    again();
    return timer;
  }

  #repeat(call: () => void, ms: number): Timer {
    const timer: Timer = this.#set(() => {
      timer.refresh();
      call();
    }, ms);
    return timer;
  }

  readonly #delay = (ms = 0, value?: unknown, options: { signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#clear(timer);
        reject(signal?.reason);
      };
      const timer = this.#set(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve(value);
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });

  #arm(timer: Timer): void {
    const { setTimeout, clearTimeout } = this.#real;
    const isUnreferenced = timer.handle?.hasRef() === false;
    if (timer.handle) clearTimeout(timer.handle);
    timer.handle = setTimeout(() => this.#fire(timer), Math.max(0, timer.dueMs - Date.now()));
    if (isUnreferenced) timer.handle.unref();
  }

  #fire(timer: Timer): void {
    this.#clear(timer);
    timer.call();
  }

  #clear(timer: unknown): void {
    if (!(timer instanceof Timer)) return void this.#real.clearTimeout(timer as NodeJS.Timeout);
    if (timer.handle) this.#real.clearTimeout(timer.handle);
    this.#timers.delete(timer);
  }

  #setDelay(delay: typeof timersPromises.setTimeout): void {
    timersPromises.setTimeout = delay;
    syncBuiltinESMExports();
  }
}
