import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import type { CircuitView } from '#protocol/views.js';
import type { ArtifactName } from '../client/artifacts.js';
import type { AgentConfig } from '../config.js';
import type { AgentLog } from '../log.js';
import { handicapProver } from './handicappedProver.js';
import type { MeasuredSetting, Measurements } from './measurements.js';
import { type Prover, type ProverFactory, ProvingError, sharedBytes } from './prover.js';
import { sampleInput } from './sampleInput.js';

/** A circuit whose zkProofs this machine makes, one prover for each slot. */
export interface ProvableCircuit {
  circuitId: string;
  setting: MeasuredSetting;
  provers: Prover[];
}

/** True for circuits that an agent of this version can prove and measure. */
export function isProvable(circuit: Pick<CircuitView, 'kind' | 'protocol'>): boolean {
  return circuit.kind === 'transferRollup' && circuit.protocol === 'groth16';
}

/**
 * Gets a circuit ready: artifacts in memory once, a prover for each slot, and its time measured on the real circuit with
 * all slots at work. When an earlier start has measured the same setting, the provers warm up while the agent bids
 * already: a bid needs the promise, not the prover.
 * @param load - fetches an artifact and checks its hash
 * @param onLost - called when a prover turns out not to load after the circuit was handed out
 */
export async function prepareCircuit(options: {
  circuit: CircuitView;
  config: AgentConfig;
  measurements: Measurements;
  createProver: ProverFactory;
  load(name: ArtifactName): Promise<Uint8Array>;
  log: AgentLog;
  onLost(error: unknown): void;
}): Promise<ProvableCircuit> {
  const { circuit, config, measurements, log } = options;
  const { circuitId } = circuit;
  const key = parseVerificationKey(circuit.verificationKey);
  if (!key.ok || circuitIdOf(key.verificationKey) !== circuitId) {
    throw new Error(`the coordinator's verification key is not that of circuit ${circuitId}`);
  }
  const [wasm, zkey] = [sharedBytes(await options.load(circuit.wasm)), sharedBytes(await options.load(circuit.zkey))];
  const { threads, slots, handicap, selfCheck } = config;
  const raw = Array.from({ length: slots }, () =>
    options.createProver({ wasm, zkey, verificationKey: circuit.verificationKey, threads, selfCheck }),
  );
  const setting: MeasuredSetting = { circuitId, threads, slots, handicap };
  const warming = Promise.all(raw.map((prover) => prover.warm()));
  if (measurements.has(setting)) {
    warming.catch((error) => {
      if (!(error instanceof ProvingError && error.code === 'cancelled')) options.onLost(error);
    });
  } else {
    await warming;
    measurements.rehearse(setting, handicap * (await measure(raw)));
  }
  const [promisedMs, typicalMs] = [measurements.promisedMs(setting), measurements.typicalMs(setting)];
  log('circuitReady', { circuitId, promisedMs, typicalMs });
  return { circuitId, setting, provers: raw.map((prover) => handicapProver(prover, handicap)) };
}

/**
 * The longest time of one zkProof on each slot, all at once, in milliseconds. The provers are warm; the first run of a
 * warm prover was 2 to 5 % slower than later ones, which the promise can bear and a second run would not be worth.
 */
async function measure(provers: readonly Prover[]): Promise<number> {
  const input = sampleInput();
  const made = await Promise.all(provers.map((prover) => prover.prove(input)));
  return Math.max(...made.map(({ witnessMs, provingMs }) => witnessMs + provingMs));
}
