/** Virtual time: what is to happen, in the order of its moment; of one moment, in the order in which it was planned. */
interface Planned {
  atMs: number;
  order: number;
  happen: () => void;
}

/** A queue of events that moves the clock. Nothing ever waits: a minute of the market takes as long as its events. */
export class Timeline {
  /** The present, Unix milliseconds. */
  nowMs: number;
  /** Events that have happened. */
  happened = 0;
  private readonly heap: Planned[] = [];
  private planned = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** Plans an event; a moment that is past means now. */
  at(atMs: number, happen: () => void): void {
    this.planned += 1;
    this.heap.push({ atMs: Math.max(atMs, this.nowMs), order: this.planned, happen });
    this.rise(this.heap.length - 1);
  }

  /** Plans an event so many milliseconds from now. */
  after(ms: number, happen: () => void): void {
    this.at(this.nowMs + ms, happen);
  }

  /** Goes on to the next event and lets it happen. @returns false when there is none */
  step(): boolean {
    const next = this.heap[0];
    if (!next) return false;
    const last = this.heap.pop()!;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink(0);
    }
    this.nowMs = next.atMs;
    this.happened += 1;
    next.happen();
    return true;
  }

  private rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(this.heap[at]!, this.heap[parent]!)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private sink(from: number): void {
    let at = from;
    for (;;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && isBefore(this.heap[child]!, this.heap[first]!)) first = child;
      }
      if (first === at) return;
      this.swap(at, first);
      at = first;
    }
  }

  private swap(one: number, other: number): void {
    const kept = this.heap[one]!;
    this.heap[one] = this.heap[other]!;
    this.heap[other] = kept;
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
