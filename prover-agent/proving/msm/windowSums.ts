/**
 * Multi-exponentiation by Pippenger's buckets, a window of the scalars' bits at a time. Points of a window are put in the
 * order of their digits and added in pairs, all buckets at once, until each bucket has one: see batchAddition.ts.
 */
import { PAIR_IS_EQUAL } from './batchAddition.js';
import { FOREIGN_BYTES, LIMB_BITS, LIMBS, limbsOf, NUMBER_BYTES, numberOf, P } from './limbs.js';
import { type GroupName, type MsmModule, startMsmModule } from './msmModule.js';
import { SignedDigits } from './signedDigits.js';

/** What to sum: as many scalars of 32 bytes as affine points in ffjavascript's form, at most POINTS_MAX. */
export interface WindowTask {
  group: GroupName;
  points: Uint8Array;
  scalars: Uint8Array;
  /** Bits of a window; 2 to WINDOW_BITS_MAX. */
  windowBits: number;
  /** Which windows to sum, the lowest being number 0. */
  windows: readonly number[];
}

/** As many points at once; more would take more memory: about 200 bytes a point in G1, 400 in G2. */
export const POINTS_MAX = 65_536;
export const WINDOW_BITS_MAX = 16;

/** Numbers in a coordinate. */
const NUMBERS: Readonly<Record<GroupName, number>> = { G1: 1, G2: 2 };
/** Points that are added at once: enough to make an inversion cheap, few enough for the processor's cache. */
const BATCH = 8_192;
const PAGE_BYTES = 65_536;
const LIMB_MASK = 2 ** LIMB_BITS - 1;
/** Differences of equal numbers are 0, p or -p; these are their lowest limbs. */
const LOWEST_OF_P = limbsOf(P)[0]!;
const LOWEST_OF_MINUS_P = LIMB_MASK + 1 - LOWEST_OF_P;
/** In the highest limb of x it says that a point is infinite; numbers are far smaller. */
const INFINITE = 0x7fff_ffff;
const HIGHEST = LIMBS - 1;

/** Points of one bucket in the batch, by their places. */
interface Run {
  bucket: number;
  from: number;
  count: number;
}

/** Sums windows; keeps its memory from one call to the next. */
export class WindowSums {
  readonly #module: MsmModule = startMsmModule();

  /** @returns for each window its sum, as a Jacobian point in ffjavascript's form */
  run(task: WindowTask): Uint8Array[] {
    const work = new Work(this.#module, task);
    return task.windows.map((window) => work.sum(window));
  }
}

/** One task at work: its parts of the memory. */
class Work {
  readonly #module: MsmModule;
  readonly #group: GroupName;
  readonly #count: number;
  readonly #buckets: number;
  readonly #pointBytes: number;
  readonly #digits: SignedDigits;
  readonly #digit: Int32Array;
  /** Addresses: see the constructor. */
  readonly #points: number;
  readonly #entries: number;
  readonly #batch: number;
  readonly #pairs: number;
  readonly #products: number;
  readonly #table: number;
  readonly #sums: number;
  readonly #result: number;
  readonly #words: Int32Array;

  constructor(module: MsmModule, task: WindowTask) {
    this.#module = module;
    this.#group = task.group;
    this.#pointBytes = 2 * NUMBERS[task.group] * NUMBER_BYTES;
    this.#count = task.scalars.length / FOREIGN_BYTES;
    this.#buckets = 2 ** (task.windowBits - 1);
    let free = module.free;
    const take = (bytes: number) => {
      const address = free;
      free += bytes;
      return address;
    };
    this.#points = take(this.#count * this.#pointBytes);
    this.#entries = take(4 * this.#count);
    this.#batch = take(BATCH * this.#pointBytes);
    this.#pairs = take((4 * BATCH) / 2);
    this.#products = take(((BATCH / 2 + 1) * this.#pointBytes) / 2);
    this.#table = take(4 * this.#buckets);
    this.#sums = take(this.#buckets * this.#pointBytes);
    this.#result = take((3 * this.#pointBytes) / 2);
    const missing = free - module.memory.buffer.byteLength;
    if (missing > 0) module.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#words = new Int32Array(module.memory.buffer);
    const isInfinite = this.#loadPoints(task.points);
    this.#digits = new SignedDigits(task.scalars, task.windowBits, (i) => isInfinite[i] === 1);
    this.#digit = new Int32Array(this.#count);
  }

  sum(window: number): Uint8Array {
    this.#digits.read(window, this.#digit);
    const ends = this.#sortEntries();
    const table = this.#words.subarray(this.#table / 4, this.#table / 4 + this.#buckets).fill(0);
    this.#fillBuckets(ends, table);
    if (ends[this.#buckets] === 0) return this.#foreignResult(true);
    this.#module.groups[this.#group].bucketSum(this.#table, this.#buckets, this.#result);
    return this.#foreignResult(false);
  }

  /** Turns the points into our form. @returns 1 for each one that is infinite, which ffjavascript writes as zeros */
  #loadPoints(points: Uint8Array): Uint8Array {
    const given = new Uint32Array(points.slice().buffer);
    const numbers = 2 * NUMBERS[this.#group];
    const wordsOf = FOREIGN_BYTES / 4;
    const words = this.#words;
    const isInfinite = new Uint8Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      let any = 0;
      for (let w = 0; w < numbers * wordsOf; w++) any |= given[i * numbers * wordsOf + w]!;
      isInfinite[i] = any === 0 ? 1 : 0;
    }
    for (let i = 0; i < this.#count * numbers; i++) {
      const to = this.#points / 4 + i * LIMBS;
      for (let limb = 0; limb < LIMBS; limb++) {
        const [word, shift] = [(limb * LIMB_BITS) >>> 5, (limb * LIMB_BITS) & 31];
        const low = given[i * wordsOf + word]! >>> shift;
        const high =
          shift <= 32 - LIMB_BITS || word === wordsOf - 1 ? 0 : given[i * wordsOf + word + 1]! << (32 - shift);
        words[to + limb] = (low | high) & LIMB_MASK;
      }
    }
    this.#module.scale(this.#points, this.#count * numbers, this.#module.fromForeign);
    return isInfinite;
  }

  /**
   * Lists the points by bucket, with the sign of their digit; those with digit 0 are left out.
   * @returns where each bucket's entries end; bucket 0, the zeros, has none
   */
  #sortEntries(): Int32Array {
    const digit = this.#digit;
    const next = new Int32Array(this.#buckets + 2);
    for (let i = 0; i < digit.length; i++) next[Math.abs(digit[i]!) + 1]! += 1;
    next[1] = 0;
    for (let bucket = 2; bucket < next.length; bucket++) next[bucket]! += next[bucket - 1]!;
    const entries = this.#words.subarray(this.#entries / 4, this.#entries / 4 + this.#count);
    for (let i = 0; i < digit.length; i++) {
      const value = digit[i]!;
      if (value !== 0) entries[next[Math.abs(value)]!++] = 2 * i + (value < 0 ? 1 : 0);
    }
    return next.subarray(0, this.#buckets + 1);
  }

  /** Sums the buckets, a batch of entries at a time; a bucket may go on in the next batch from what it has. */
  #fillBuckets(ends: Int32Array, table: Int32Array): void {
    let runs: Run[] = [];
    let places = 0;
    const flush = () => {
      this.#addRuns(runs, table);
      runs = [];
      places = 0;
    };
    for (let bucket = 1; bucket <= this.#buckets; bucket++) {
      let entry = ends[bucket - 1]!;
      while (entry < ends[bucket]!) {
        const run: Run = { bucket, from: places, count: 0 };
        const had = table[bucket - 1]!;
        if (had !== 0) this.#copyPoint(had, this.#place(places++));
        const taken = Math.min(ends[bucket]! - entry, BATCH - places);
        this.#gather(entry, taken, places);
        places += taken;
        entry += taken;
        run.count = places - run.from;
        runs.push(run);
        if (places > BATCH - 2) flush();
      }
    }
    flush();
  }

  #gather(entry: number, count: number, place: number): void {
    this.#module.groups[this.#group].gather(this.#entries + 4 * entry, count, this.#points, this.#place(place));
  }

  /** Adds up each run, by pairs of neighbours, of neighbours' sums, and so on, and notes the bucket's sum. */
  #addRuns(runs: readonly Run[], table: Int32Array): void {
    let open = runs;
    for (let stride = 1; open.length > 0; stride *= 2) {
      open = open.filter(({ count }) => count > stride);
      const pairs = this.#listPairs(open, stride);
      if (pairs === 0) continue;
      this.#module.groups[this.#group].addPairs(this.#pairs, pairs, stride * this.#pointBytes, this.#products);
    }
    for (const { bucket, from } of runs) {
      const sum = this.#sums + (bucket - 1) * this.#pointBytes;
      table[bucket - 1] = this.#isInfinite(this.#place(from)) ? 0 : sum;
      this.#copyPoint(this.#place(from), sum);
    }
  }

  /** @returns how many pairs of points in the runs, `stride` apart, are left to add when the special ones are done */
  #listPairs(runs: readonly Run[], stride: number): number {
    const distance = stride * this.#pointBytes;
    let listed = this.#pairs / 4;
    for (const { from, count } of runs) {
      const end = this.#place(from + count - stride);
      for (let first = this.#place(from); first < end; first += 2 * distance) {
        const kind = this.#judge(first, first + distance);
        if (kind !== 'done') this.#words[listed++] = kind === 'equal' ? first + PAIR_IS_EQUAL : first;
      }
    }
    return listed - this.#pairs / 4;
  }

  /** What adding two points takes; 'done' when it took nothing: then the sum is where the first was. */
  #judge(first: number, second: number): 'different' | 'equal' | 'done' {
    if (this.#isInfinite(second)) return 'done';
    if (this.#isInfinite(first)) {
      this.#copyPoint(second, first);
      return 'done';
    }
    const lowest = (this.#words[second / 4]! - this.#words[first / 4]!) & LIMB_MASK;
    if (lowest !== 0 && lowest !== LOWEST_OF_P && lowest !== LOWEST_OF_MINUS_P) return 'different';
    if (!this.#isZero('difference', first, second)) return 'different';
    const y = this.#pointBytes / 2;
    if (!this.#isZero('sum', first + y, second + y)) return 'equal';
    this.#words[first / 4 + HIGHEST] = INFINITE;
    return 'done';
  }

  #isZero(combine: 'difference' | 'sum', a: number, b: number): boolean {
    for (let at = 0; at < this.#pointBytes / 2; at += NUMBER_BYTES) {
      this.#module[combine](this.#result, a + at, b + at);
      if (numberOf(this.#words.subarray(this.#result / 4, this.#result / 4 + LIMBS)) !== 0n) return false;
    }
    return true;
  }

  #isInfinite(point: number): boolean {
    return this.#words[point / 4 + HIGHEST] === INFINITE;
  }

  #place(index: number): number {
    return this.#batch + index * this.#pointBytes;
  }

  #copyPoint(from: number, to: number): void {
    this.#words.copyWithin(to / 4, from / 4, (from + this.#pointBytes) / 4);
  }

  /** The window's sum as ffjavascript has it: canonical, little-endian. */
  #foreignResult(isZero: boolean): Uint8Array {
    const numbers = 3 * NUMBERS[this.#group];
    const bytes = new Uint8Array(numbers * FOREIGN_BYTES);
    if (isZero) return bytes;
    this.#module.scale(this.#result, numbers, this.#module.toForeign);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < numbers; i++) {
      const at = this.#result / 4 + i * LIMBS;
      const value = numberOf(this.#words.subarray(at, at + LIMBS));
      for (let word = 0; word < FOREIGN_BYTES / 8; word++) {
        view.setBigUint64(i * FOREIGN_BYTES + 8 * word, BigInt.asUintN(64, value >> BigInt(64 * word)), true);
      }
    }
    return bytes;
  }
}
