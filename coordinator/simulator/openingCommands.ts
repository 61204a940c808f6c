import type { Command } from '#market/command.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Fate } from './fate.js';
import { logNameOf } from './logSigner.js';
import { DOMAIN } from './party.js';

/** The id of the one circuit of a simulated market; its verification key is an empty object. */
export const SIMULATED_CIRCUIT_ID: Hex = contentHashOf({});

/** What challenges are drawn from, in markets that ask for them. */
const SAMPLES = [0, 1, 2].map((at) => ({
  publicSignals: [`${at}`, '1', '2'],
  inputHash: `0x${'0'.repeat(63)}${at}` as Hex,
}));

/** How a market of drawn parameters begins: opened, with one circuit, everybody's money on its account. */
export function openingCommands(fate: Fate, accounts: { address: Address; fundsWei: bigint }[]): Command[] {
  const artifact = { sha256: `0x${'00'.repeat(32)}` as Hex, bytes: 1 };
  const parameters = {
    ...DEFAULT_PARAMETERS,
    leaseMs: fate.pick('lease', [3_000, 6_000, 10_000]),
    downtimeMsMin: fate.pick('downtime', [1_500, 2_000]),
    invalidProofsMax: fate.pick('invalid', [1, 2, 3]),
    bidRevealMs: fate.pick('reveal', [5_000, 8_000]),
    provingSamplesMin: fate.pick('samples', [2, 5]),
    challengeMs: fate.pick('challenge', [4_000, 20_000]),
  };
  const market = { ...logNameOf(0), faucet: true };
  const circuit = {
    circuitId: SIMULATED_CIRCUIT_ID,
    name: 'simulated',
    kind: 'transferRollup' as const,
    protocol: 'groth16' as const,
    signalCount: 3,
    verificationKey: {},
    wasm: artifact,
    zkey: artifact,
    samples: fate.chance('with samples', 50) ? SAMPLES : [],
  };
  return [
    { kind: 'openMarket', market: { ...market, ...DOMAIN, parameters } },
    { kind: 'registerCircuit', circuit, registration: null },
    ...accounts.map(({ address, fundsWei }, index): Command => {
      return { kind: 'deposit', account: address, amountWei: fundsWei, source: 'faucet', reference: `fund ${index}` };
    }),
  ];
}
