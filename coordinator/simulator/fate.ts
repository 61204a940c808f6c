/**
 * What happens, drawn from one seed. A draw is a hash of (seed, place, how often this place has drawn before), so that
 * one draw more in one place changes nothing in any other: a changed rule or a new fault leaves the rest of a seed's story
 * as it was.
 */
export class Fate {
  readonly seed: number;
  private readonly places = new Map<string, { hash: number; drawn: number }>();

  /** @param seed - a whole number from 0 to 2^32 - 1 */
  constructor(seed: number) {
    this.seed = seed >>> 0;
  }

  /** A whole number from 0 to 2^32 - 1. */
  draw(place: string): number {
    let known = this.places.get(place);
    if (!known) {
      known = { hash: hashOfText(place), drawn: 0 };
      this.places.set(place, known);
    }
    known.drawn += 1;
    return mix(mix(mix(this.seed ^ 0x9e3779b9) ^ known.hash) ^ known.drawn);
  }

  /** A whole number from `min` to `max`, both included. */
  between(place: string, min: number, max: number): number {
    return min + (this.draw(place) % (max - min + 1));
  }

  /** True in `percent` of 100 draws. */
  chance(place: string, percent: number): boolean {
    return this.draw(place) % 10_000 < percent * 100;
  }

  /** One of the values, each as likely as the others. */
  pick<Value>(place: string, values: readonly Value[]): Value {
    return values[this.draw(place) % values.length]!;
  }
}

/** FNV-1a over the UTF-16 units of a text. */
export function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
export function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
