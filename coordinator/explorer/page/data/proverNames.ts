import type { RegisteredProver } from '#protocol/browseViews.js';

/** `0x1a64…14f1`: enough to tell things apart in one list; the whole stands in the title. */
export function shortId(id: string): string {
  return id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id;
}

/** How a prover is called. */
export interface ProverName {
  /** Null where it has none. */
  name: string | null;
  /** Its address, shortened, where the name does not tell it from others; otherwise null. */
  id: string | null;
}

/** The names of the provers. Anybody may take any name: one that is taken twice, or looks like an address, is not enough. */
export class ProverNames {
  readonly #provers: ReadonlyMap<string, RegisteredProver>;
  readonly #counts = new Map<string, number>();

  constructor(provers: readonly RegisteredProver[]) {
    this.#provers = new Map<string, RegisteredProver>(provers.map((one) => [one.prover, one]));
    for (const { name } of provers) this.#counts.set(likeness(name), (this.#counts.get(likeness(name)) ?? 0) + 1);
  }

  find(address: string): RegisteredProver | undefined {
    return this.#provers.get(address);
  }

  of(address: string): ProverName {
    const name = this.#provers.get(address)?.name ?? null;
    const isEnough = name !== null && this.#counts.get(likeness(name)) === 1 && !likeness(name).startsWith('0x');
    return { name, id: isEnough ? null : shortId(address) };
  }

  /** The same as plain text. */
  textOf(address: string): string {
    const { name, id } = this.of(address);
    return [name, id].filter((one) => one !== null).join(' ');
  }
}

/** What makes names look alike at a glance. */
function likeness(name: string): string {
  return name.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}
