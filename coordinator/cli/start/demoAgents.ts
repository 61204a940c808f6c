/** The provers of the demo market: different in speed and price, as hardware is. */

/** How one agent of the demo is run. Prices are wei per promised second of proving. */
export interface DemoAgent {
  name: string;
  threads: number;
  pricePerSecondWei: bigint;
  /** The agent idles this many times its proving time: an honest slow machine. */
  handicap: number;
}

const PROFILES: readonly DemoAgent[] = [
  { name: 'single-thread', threads: 1, pricePerSecondWei: 1_500_000_000_000n, handicap: 1 },
  { name: 'multi-thread', threads: 2, pricePerSecondWei: 2_500_000_000_000n, handicap: 1 },
  { name: 'slow-and-cheap', threads: 1, pricePerSecondWei: 400_000_000_000n, handicap: 1.5 },
];

/** The first `count` agents of the demo; beyond three the same kinds come again, each a little dearer. */
export function demoAgents(count: number): DemoAgent[] {
  return Array.from({ length: count }, (_, index) => {
    const profile = PROFILES[index % PROFILES.length]!;
    const generation = Math.floor(index / PROFILES.length);
    if (generation === 0) return profile;
    const dearer = (profile.pricePerSecondWei * BigInt(100 + 15 * generation)) / 100n;
    return { ...profile, name: `${profile.name}-${generation + 1}`, pricePerSecondWei: dearer };
  });
}
