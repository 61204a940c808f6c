import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import type { CircuitView } from '#protocol/views.js';
import { ZK_PROTOCOLS } from '#protocol/zkProof.js';
import type { ArtifactName } from '../client/artifacts.js';
import { type AgentConfig, agentPaths } from '../config.js';
import type { AgentLog } from '../log.js';
import { chosenFor, findProgram } from './backends/backendChoice.js';
import type { Challenges } from './challenges.js';
import { handicapProver } from './handicappedProver.js';
import type { MeasuredSetting, Measurements } from './measurements.js';
import {
  type MadeProof,
  type Prover,
  type ProverFactory,
  type ProverOptions,
  sharedBytes,
  type WitnessInput,
} from './prover.js';
import { isCancelled } from './provingError.js';
import { sampleInput } from './sampleInput.js';

/** A prover that takes longer for a sample hangs, in milliseconds. */
const SAMPLE_LIMIT_MS = 600_000;

/** A circuit whose zkProofs this machine makes, one prover for each slot. */
export interface ProvableCircuit {
  circuitId: string;
  name: string;
  setting: MeasuredSetting;
  provers: Prover[];
}

/** True for circuits that an agent of this version can prove and measure. */
export function isProvable(circuit: Pick<CircuitView, 'kind' | 'protocol'>): boolean {
  return circuit.kind === 'transferRollup' && ZK_PROTOCOLS.some((protocol) => protocol === circuit.protocol);
}

export interface PreparationParts {
  circuit: CircuitView;
  config: AgentConfig;
  measurements: Measurements;
  createProver: ProverFactory;
  challenges: Pick<Challenges, 'begin'>;
  /** Fetches an artifact and checks its hash. */
  load(name: ArtifactName): Promise<Uint8Array>;
  /** The same for a program that reads the file itself: its path. */
  locate(name: ArtifactName): Promise<string>;
  log: AgentLog;
  /** Aborting it ends the preparation as cancelled. */
  signal: AbortSignal;
  /** Called when a prover turns out not to load after the circuit was handed out. */
  onLost(error: unknown): void;
}

/**
 * Gets a circuit ready: artifacts in memory once, a prover for each slot, and its time measured on the real circuit with
 * all slots at work: on the challenge job, when the market asks for one. That measurement is also the check of an external
 * prover: one whose zkProof of the sample does not verify is not used. When an earlier start has measured the same setting,
 * the provers warm up while the agent bids already: a bid needs the promise, not the prover. An external program that has
 * changed since is another setting.
 */
export async function prepareCircuit(parts: PreparationParts): Promise<ProvableCircuit> {
  const { circuit, config, measurements, log } = parts;
  const { circuitId } = circuit;
  const key = parseVerificationKey(circuit.verificationKey);
  if (!key.ok || circuitIdOf(key.verificationKey) !== circuitId) {
    throw new Error(`the coordinator's verification key is not that of circuit ${circuitId}`);
  }
  const { options, backend, program } = await proverOptionsOf(parts);
  const { threads, slots, handicap } = config;
  const raw = Array.from({ length: slots }, () => parts.createProver(options));
  const setting: MeasuredSetting = { circuitId, threads, slots, handicap, backend };
  const warming = Promise.all(raw.map((prover) => prover.warm()));
  const challenge = await parts.challenges.begin(circuit, (input) => raw[0]!.prove(input));
  if (measurements.has(setting) && !challenge) {
    warming.catch((error) => {
      if (!isCancelled(error)) parts.onLost(error);
    });
  } else {
    try {
      await warming;
      const { made, longestMs } = await measure(raw, challenge?.input ?? sampleInput(), parts.signal);
      if (!measurements.has(setting)) measurements.rehearse(setting, handicap * longestMs);
      challenge?.deliver(made);
    } catch (error) {
      await Promise.all(raw.map((prover) => prover.close()));
      const message = `${program ?? 'snarkjs'} did not prove the sample of circuit ${circuitId}`;
      throw isCancelled(error) ? error : new Error(message, { cause: error });
    }
  }
  const [promisedMs, typicalMs] = [measurements.promisedMs(setting), measurements.typicalMs(setting)];
  log('circuitReady', { circuitId, backend: program ?? 'snarkjs', promisedMs, typicalMs });
  return { circuitId, name: circuit.name, setting, provers: raw.map((prover) => handicapProver(prover, handicap)) };
}

/** What the circuit's provers are made with; `program` and `backend` (its state) are null for snarkjs. */
async function proverOptionsOf({ circuit, config, load, locate }: PreparationParts) {
  const template = chosenFor(config.backends, circuit);
  const found = template && findProgram(template);
  const wasm = sharedBytes(await load(circuit.wasm));
  const options: ProverOptions = {
    wasm,
    // A native prover reads the file: this process need not hold it.
    zkey: found ? null : sharedBytes(await load(circuit.zkey)),
    command: found && {
      template: found.template,
      zkeyPath: await locate(circuit.zkey),
      workDir: agentPaths(config.dataDir).work,
    },
    verificationKey: circuit.verificationKey,
    threads: config.threads,
    selfCheck: config.selfCheck,
    witnessLimits: { limitMs: config.witnessLimitMs, memoryBytes: config.witnessMemoryMb * 1_048_576 },
  };
  return { options, backend: found?.fingerprint ?? null, program: found?.template.program ?? null };
}

/**
 * The longest time of one zkProof on each slot, all at once, in milliseconds, and one of these zkProofs. The provers are
 * warm; the first run of a warm prover was 2 to 5 % slower than later ones, which the promise can bear and a second run
 * would not be worth.
 */
async function measure(
  provers: readonly Prover[],
  input: WitnessInput,
  signal: AbortSignal,
): Promise<{ made: MadeProof; longestMs: number }> {
  const made = await Promise.all(provers.map((prover) => prover.prove(input, undefined, signal, SAMPLE_LIMIT_MS)));
  return { made: made[0]!, longestMs: Math.max(...made.map(({ witnessMs, provingMs }) => witnessMs + provingMs)) };
}
