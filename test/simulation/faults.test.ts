import { describe, expect, it } from 'vitest';
import { searchFaults } from '../../coordinator/simulator/faultSearch.js';
import { simulateMarket } from '../../coordinator/simulator/simulateMarket.js';
import type { BrokenPart } from '../../coordinator/simulator/world.js';

const SEEDS = 500;

/** What must have come up over all seeds, so that the checks had something to bite on. */
const MUST_HAPPEN = [
  'activation: gaveUp',
  'activation: invalidZkProof',
  'activation: leaseMissed',
  'activation: predictedMiss',
  'activation: startTime',
  'behaviour: committed and showed nothing',
  'behaviour: committed to a stolen zkProof',
  'behaviour: stole a zkProof',
  'challenge: failed',
  'challenge: passed',
  'behaviour: never opened its bid',
  'behaviour: opened another bid',
  'behaviour: opened its bid late',
  'deposit: excused',
  'deposit: forfeited',
  'deposit: returned',
  'ending: a bond was excused',
  'ending: a bond was slashed',
  'ending: expired, deadlinePassed',
  'ending: expired, noBids',
  'ending: expired, unsatisfiable',
  'ending: expired, predecessorExpired',
  'ending: expired, readyTooLate',
  'ending: expired, withdrawn',
  'deposit: returned with a withdrawal',
  'withdrawal: refused, nothingToWithdraw',
  'ending: on time against its own forecast',
  'ending: expired, noPoolCommit',
  'ending: expired, noPoolProof',
  'ending: expired, noPoolReveal',
  'ending: proven by backup',
  'ending: proven by pool',
  'ending: proven by primary',
  'ending: proven by primary, after activation',
  'ending: ready, and no coordinator until the deadline',
  'escalation: expiry',
  'escalation: pool',
  'escalation: round',
  'fault: batch failed',
  'fault: bell lost',
  'fault: commit not confirmed',
  'fault: coordinator crashed after a commit, before its answers',
  'fault: coordinator crashed at any time',
  'fault: coordinator crashed before a commit',
  'fault: coordinator stood still',
  'fault: database away',
  'fault: input lost',
  'fault: message delayed',
  'fault: message duplicated',
  'fault: message lost',
  'fault: prover crashed',
  'fault: queue flushed',
  'fault: verifier failed',
  'entry: parametersSet',
  'entry: logOpened',
  'gap on record: stall',
  'give-up: excused',
  'gap on record: start',
  'pool: a commitment was forfeited',
  'pool: sidesSpent, 0 at fault',
  'pool: sidesSpent, 1 at fault',
  'pool: sidesSpent, 2 at fault',
  'pool: unsold, 0 at fault',
];

describe('the search for faults', () => {
  it(`finds nothing in ${SEEDS} seeds, in which everything that it is about happens`, () => {
    const search = searchFaults(0, SEEDS);
    expect(search.found).toEqual([]);
    expect(MUST_HAPPEN.filter((what) => !search.counts.get(what))).toEqual([]);
  });

  // Seeds that have found something once: a zkProof from the pool that the deadline kept out forfeited all the same, and
  // starts that failed one after another were each too short to count as downtime; a round of a withdrawn block was sealed.
  it.each([1168, 1211, 1530, 3533, 5777, 5795, 6765, 7026, 7640, 9095, 9730])(
    'finds nothing any more in seed %i',
    (seed) => {
      expect(simulateMarket(seed).violations).toEqual([]);
    },
  );

  it('finds nothing where every message is signed and every signature checked', () => {
    expect(searchFaults(1_000, 3, { signed: true }).found).toEqual([]);
  });

  it('sees nobody slashed where nothing goes wrong and all provers are honest', () => {
    const search = searchFaults(0, 100, { calm: true });
    expect(search.found).toEqual([]);
    expect(search.counts.get('ending: proven by primary')).toBeGreaterThan(200);
    const endings = ['ending: a bond was slashed', 'ending: expired, deadlinePassed', 'ending: proven by backup'];
    expect(endings.filter((what) => search.counts.get(what))).toEqual([]);
  });

  it('tells the same story of the same seed, traced or not, and another of another', () => {
    const [once, again] = [simulateMarket(11), simulateMarket(11, { trace: () => {} })];
    expect(again.leaves).toEqual(once.leaves);
    expect(again.events).toBe(once.events);
    expect(simulateMarket(12).leaves).not.toEqual(once.leaves);
  });
});

describe('a coordinator that is broken on purpose is caught', () => {
  const cases: [BrokenPart, string][] = [
    ['acknowledgesBeforeCommit', 'I1'],
    ['forgetsWakeUps', 'I4'],
    ['paysUnverified', 'I6'],
    ['paysOutOfTurn', 'I7'],
    ['ignoresDowntime', 'innocent'],
    ['judgesBeforeGaps', 'innocent'],
    ['forgetsRefusals', 'innocent'],
    ['believesClaims', 'witness'],
    ['ignoresOpenings', 'innocent'],
  ];
  it.each(cases)('%s breaks %s', (broken, invariant) => {
    let caught: string | undefined;
    for (let seed = 0; seed < SEEDS && !caught; seed += 1) {
      caught = simulateMarket(seed, { broken }).violations[0];
    }
    expect(caught).toMatch(new RegExp(`^${invariant}: `));
  });
});
