/** One seed: a whole market from its opening until every job has ended, under virtual time. */
import { Books } from './books.js';
import { drawCharacter, type Kind } from './character.js';
import { Coordinator } from './coordinator.js';
import { Fate } from './fate.js';
import { InputStore } from './inputDesk.js';
import { Network } from './network.js';
import { openingCommands } from './openingCommands.js';
import { type Party, partyOf } from './party.js';
import { ProverParty } from './proverParty.js';
import { RequesterParty } from './requesterParty.js';
import { Storage } from './storage.js';
import { Timeline } from './timeline.js';
import { calmWeather, drawWeather } from './weather.js';
import type { BrokenPart, World } from './world.js';

const START_MS = 1_800_000_000_000;

/** After so long no more faults happen. */
const STORM_MS = 110_000;

/** After so long every job must have ended: the last deadline lies minutes of virtual time before this. */
const END_MS = 600_000;

const ETH = 10n ** 18n;

export interface SimulationOptions {
  /** Whether messages are really signed and the replay checks it: ten times as slow. */
  signed?: boolean;
  /** Whether nothing goes wrong and all provers are honest: then nobody is slashed. */
  calm?: boolean;
  /** A part of the coordinator that is broken on purpose. */
  broken?: BrokenPart;
  /** Called with each thing that happens; milliseconds since the opening. */
  trace?: (atMs: number, text: string) => void;
}

export interface Simulation {
  seed: number;
  /** What never may happen and did; the run ends at the first. */
  violations: string[];
  /** How often each fault, each behaviour and each ending came up. */
  counts: Map<string, number>;
  /** The log: canonical JSON of its entries. */
  leaves: string[];
  events: number;
  simulatedMs: number;
}

/** Runs a seed. The same seed and options give the same log, byte by byte. */
export function simulateMarket(seed: number, options: SimulationOptions = {}): Simulation {
  const { signed = false, calm = false, broken = null, trace } = options;
  const fate = new Fate(seed);
  const timeline = new Timeline(START_MS);
  const violations: string[] = [];
  const counts = new Map<string, number>();
  const world: World = {
    fate,
    timeline,
    weather: calm ? calmWeather(fate) : drawWeather(fate),
    broken,
    stormy: () => timeline.nowMs < START_MS + STORM_MS,
    note: (what, about = '') => {
      counts.set(what, (counts.get(what) ?? 0) + 1);
      trace?.(timeline.nowMs - START_MS, about ? `${what} ${about}` : what);
    },
    violation: (text) => {
      violations.push(text);
      trace?.(timeline.nowMs - START_MS, `VIOLATION ${text}`);
    },
    deliveries: new Map(),
    shown: new Map(),
    inputs: { has: (jobId) => inputs.has(jobId) },
    refused: new Set(),
    everRefused: new Set(),
    unprovable: new Set(),
    challengeTruths: new Map(),
  };
  const inputs = new InputStore(world);
  const storage = new Storage();
  const books = new Books(world, signed);
  const coordinator = new Coordinator(world, storage, books);
  const requesters = populate(world, coordinator, { signed, calm });
  const isOver = () =>
    !world.stormy() && requesters.every(({ unanswered }) => unanswered === 0) && !books.hasOpenJobs();
  while (violations.length === 0 && timeline.nowMs < START_MS + END_MS && !isOver()) timeline.step();
  if (violations.length === 0) {
    coordinator.checkMemory();
    books.close(storage);
  }
  const simulatedMs = timeline.nowMs - START_MS;
  return { seed: fate.seed, violations, counts, leaves: storage.leaves, events: timeline.happened, simulatedMs };
}

/** Draws the parties, gives them money, and opens the market. */
function populate(
  world: World,
  coordinator: Coordinator,
  { signed, calm }: { signed: boolean; calm: boolean },
): RequesterParty[] {
  const { fate } = world;
  const network = new Network(world, coordinator);
  const requesters = Array.from({ length: fate.between('requesters', 1, 2) }, (_, at) => partyOf(1 + at, signed));
  const provers = drawProvers(fate, signed).map((one) => (calm ? { ...one, kind: 'honest' as const } : one));
  const funds = provers.map(({ party }, at) => ({
    address: party.address,
    fundsWei: fate.pick(`funds ${at}`, [ETH / 100n, 3n * ETH, 100n * ETH, 100n * ETH, 100n * ETH]),
  }));
  const accounts = [...requesters.map(({ address }) => ({ address, fundsWei: 12n * ETH })), ...funds];
  coordinator.open(openingCommands(fate, accounts));
  for (const [at, { party, owner, kind }] of provers.entries()) {
    const character = drawCharacter(fate, `prover ${at}`, kind);
    new ProverParty({ world, network, coordinator, party, owner, number: at, character });
  }
  return requesters.map((party, at) => new RequesterParty(world, network, party, at));
}

/** Provers of two to seven; some share an owner, and at times two work together under two owners. */
function drawProvers(fate: Fate, signed: boolean): { party: Party; owner: Party; kind?: Kind }[] {
  const shared = partyOf(50, signed);
  const provers: { party: Party; owner: Party; kind?: Kind }[] = [];
  const count = fate.between('provers', 2, 7);
  for (let at = 0; at < count; at += 1) {
    const party = partyOf(10 + at, signed);
    provers.push({ party, owner: fate.chance(`owner ${at}`, 25) ? shared : party });
  }
  if (fate.chance('collusion', 25)) {
    const [decoy, accomplice] = [partyOf(30, signed), partyOf(31, signed)];
    provers.push({ party: decoy, owner: decoy, kind: 'colluding' });
    provers.push({ party: accomplice, owner: accomplice, kind: 'honest' });
  }
  return provers;
}
