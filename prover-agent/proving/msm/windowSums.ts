/**
 * Multi-exponentiation by Pippenger's buckets, a window of the scalars' bits at a time. Points of a window are put in the
 * order of their digits and added in pairs, all buckets at once, until each bucket has one: see batchAddition.ts.
 */
import { PAIR_IS_EQUAL } from './batchAddition.js';
import { FOREIGN_BYTES, LIMB_BITS, LIMBS, limbsOf, NUMBER_BYTES, numberOf, P } from './limbs.js';
import { type GroupCalls, type GroupName, type MsmModule, startMsmModule } from './msmModule.js';
import { digitsOf, SignedDigits } from './signedDigits.js';

/** What to sum: as many scalars of 32 bytes as affine points in ffjavascript's form, at most POINTS_MAX. */
export interface WindowTask {
  group: GroupName;
  points: Uint8Array;
  scalars: Uint8Array;
  /** Bits of a window; WINDOW_BITS_MIN to WINDOW_BITS_MAX. */
  windowBits: number;
  /** Which of so many shares of the windows to sum, from 0. */
  share: number;
  shares: number;
}

/** As many points at once; more would take more memory: about 200 bytes a point in G1, 400 in G2. */
export const POINTS_MAX = 65_536;
export const WINDOW_BITS_MIN = 3;
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

/** Where the sums of points with the same key go: an address for each key from 1, in a table; 0 where there is none. */
interface Sums {
  table: number;
  points: number;
}

/** Points of one key in the batch, by their places. */
interface Run {
  key: number;
  from: number;
  count: number;
}

/** Sums windows; keeps its memory from one call to the next. */
export class WindowSums {
  readonly #module: MsmModule = startMsmModule();

  /**
   * Sums a share of the windows, each with its weight: every so many of them, because scalars are often small, and then
   * only the low windows are work.
   * @returns a Jacobian point in ffjavascript's form
   */
  run(task: WindowTask): Uint8Array {
    const work = new Work(this.#module, task);
    for (let window = digitsOf(task.windowBits) - 1; window >= 0; window--) {
      work.addWindow(window % task.shares === task.share ? window : null);
    }
    return work.result();
  }
}

/** One task at work: its parts of the memory. */
class Work {
  readonly #module: MsmModule;
  readonly #calls: GroupCalls;
  readonly #group: GroupName;
  readonly #count: number;
  readonly #windowBits: number;
  readonly #pointBytes: number;
  readonly #digits: SignedDigits;
  readonly #digit: Int32Array;
  /** Addresses: see the constructor. */
  readonly #points: number;
  readonly #entries: number;
  readonly #batch: number;
  readonly #pairs: number;
  readonly #products: number;
  readonly #buckets: Sums;
  readonly #lines: Sums;
  readonly #result: number;
  readonly #scratch: number;
  readonly #words: Int32Array;

  constructor(module: MsmModule, task: WindowTask) {
    this.#module = module;
    this.#group = task.group;
    this.#pointBytes = 2 * NUMBERS[task.group] * NUMBER_BYTES;
    this.#count = task.scalars.length / FOREIGN_BYTES;
    this.#windowBits = task.windowBits;
    const buckets = 2 ** (task.windowBits - 1);
    let free = module.free;
    const take = (bytes: number) => {
      const address = free;
      free += bytes;
      return address;
    };
    this.#points = take(this.#count * this.#pointBytes);
    this.#entries = take(4 * Math.max(this.#count, buckets));
    this.#batch = take(BATCH * this.#pointBytes);
    this.#pairs = take((4 * BATCH) / 2);
    this.#products = take(((BATCH / 2 + 1) * this.#pointBytes) / 2);
    this.#buckets = { table: take(4 * buckets), points: take(buckets * this.#pointBytes) };
    const lines = 2 ** (task.windowBits >> 1);
    this.#lines = { table: take(4 * lines), points: take(lines * this.#pointBytes) };
    this.#result = take((3 * this.#pointBytes) / 2);
    this.#scratch = take(NUMBER_BYTES);
    const missing = free - module.memory.buffer.byteLength;
    if (missing > 0) module.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#words = new Int32Array(module.memory.buffer);
    const isInfinite = this.#loadPoints(task.points);
    this.#digits = new SignedDigits(task.scalars, task.windowBits, (i) => isInfinite[i] === 1);
    this.#digit = new Int32Array(this.#count);
    this.#calls = module.groups[task.group];
    this.#calls.clear(this.#result);
  }

  /**
   * Goes on to the next lower window, and adds what is in it, unless it is another's.
   *
   * Buckets lie in lines and rows, bucket number = line * 2^rowBits + row: the sums of all lines and of all rows, again by
   * pairs, leave few points to be multiplied by their number.
   */
  addWindow(window: number | null): void {
    const rowBits = (this.#windowBits - 1) >> 1;
    const lineBits = this.#windowBits - 1 - rowBits;
    if (window !== null) {
      this.#digits.read(window, this.#digit);
      this.#sumByKey(this.#digit, this.#points, 2 ** (this.#windowBits - 1), this.#buckets);
    }
    this.#calls.double(this.#result, this.#windowBits - rowBits);
    if (window !== null) this.#addLines(2 ** lineBits, (bucket) => bucket >> rowBits);
    this.#calls.double(this.#result, rowBits);
    if (window !== null) this.#addLines(2 ** rowBits - 1, (bucket) => bucket & (2 ** rowBits - 1));
  }

  /** Adds each bucket as often as `keyOf` says, at most `most` times. */
  #addLines(most: number, keyOf: (bucket: number) => number): void {
    const from = this.#buckets.table / 4;
    const table = this.#words.subarray(from, from + 2 ** (this.#windowBits - 1));
    const keys = table.map((address, i) => (address === 0 ? 0 : keyOf(i + 1)));
    this.#sumByKey(keys, this.#buckets.points, most, this.#lines);
    this.#calls.addBuckets(this.#lines.table, most, this.#result);
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
   * Sums the points of each key, a batch of them at a time; a key may go on in the next batch from what it has.
   * @param keys - from -most to most; a negative one takes the point's negative, 0 none
   */
  #sumByKey(keys: Int32Array, points: number, most: number, sums: Sums): void {
    const ends = this.#sortEntries(keys, most);
    this.#words.fill(0, sums.table / 4, sums.table / 4 + most);
    let runs: Run[] = [];
    let places = 0;
    const flush = () => {
      this.#addRuns(runs, sums);
      runs = [];
      places = 0;
    };
    for (let key = 1; key <= most; key++) {
      let entry = ends[key - 1]!;
      while (entry < ends[key]!) {
        const from = places;
        const had = this.#words[sums.table / 4 + key - 1]!;
        if (had !== 0) this.#copyPoint(had, this.#place(places++));
        const taken = Math.min(ends[key]! - entry, BATCH - places);
        this.#calls.gather(this.#entries + 4 * entry, taken, points, this.#place(places));
        places += taken;
        entry += taken;
        runs.push({ key, from, count: places - from });
        if (places > BATCH - 2) flush();
      }
    }
    flush();
  }

  /** Lists the points by their keys. @returns where each key's entries end; those with key 0 are left out */
  #sortEntries(keys: Int32Array, most: number): Int32Array {
    const next = new Int32Array(most + 2);
    for (let i = 0; i < keys.length; i++) next[Math.abs(keys[i]!) + 1]! += 1;
    next[1] = 0;
    for (let key = 2; key < next.length; key++) next[key]! += next[key - 1]!;
    const words = this.#words;
    const first = this.#entries / 4;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (key !== 0) words[first + next[Math.abs(key)]!++] = 2 * i + (key < 0 ? 1 : 0);
    }
    return next.subarray(0, most + 1);
  }

  /** Adds up each run, by pairs of neighbours, of neighbours' sums, and so on, and notes the key's sum. */
  #addRuns(runs: readonly Run[], sums: Sums): void {
    let open = runs;
    for (let stride = 1; open.length > 0; stride *= 2) {
      open = open.filter(({ count }) => count > stride);
      const pairs = this.#listPairs(open, stride);
      if (pairs === 0) continue;
      this.#calls.addPairs(this.#pairs, pairs, stride * this.#pointBytes, this.#products);
    }
    for (const { key, from } of runs) {
      const sum = sums.points + (key - 1) * this.#pointBytes;
      this.#words[sums.table / 4 + key - 1] = this.#isInfinite(this.#place(from)) ? 0 : sum;
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
      this.#module[combine](this.#scratch, a + at, b + at);
      if (numberOf(this.#words.subarray(this.#scratch / 4, this.#scratch / 4 + LIMBS)) !== 0n) return false;
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

  /** The sum as ffjavascript has it: canonical, little-endian. */
  result(): Uint8Array {
    const numbers = 3 * NUMBERS[this.#group];
    this.#calls.jacobian(this.#result);
    this.#module.scale(this.#result, numbers, this.#module.toForeign);
    const bytes = new Uint8Array(numbers * FOREIGN_BYTES);
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
