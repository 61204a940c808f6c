import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import type { CircuitView } from '#protocol/views.js';
import type { ArtifactName } from '../client/artifacts.js';
import { type AgentConfig, agentPaths } from '../config.js';
import type { AgentLog } from '../log.js';
import { chosenFor, findProgram } from './backends/backendChoice.js';
import type { Challenges } from './challenges.js';
import { handicapProver } from './handicappedProver.js';
import type { MeasuredSetting, Measurements } from './measurements.js';
import { usableMemoryMb } from './memoryGuard.js';
import {
  type MadeProof,
  type Prover,
  type ProverFactory,
  type ProverOptions,
  sharedBytes,
  type WitnessInput,
} from './prover.js';
import { isCancelled } from './provingError.js';
import { RestingProver } from './restingProver.js';
import { sampleInput } from './sampleInput.js';
import { readZkeyHeader, type ZkeyHeader } from './zkeyHeader.js';

/** A prover that takes longer for a sample hangs, in milliseconds. */
const SAMPLE_LIMIT_MS = 600_000;

/** A circuit whose zkProofs this machine makes, one prover for each slot. */
export interface ProvableCircuit {
  circuitId: string;
  name: string;
  setting: MeasuredSetting;
  provers: Prover[];
  /** Ends threads and drops files of provers without work; they come back when they are needed. Never throws. */
  rest(): Promise<void>;
  /** Begins to bring them back. Never throws. */
  wake(): void;
}

export interface PreparationParts {
  circuit: CircuitView;
  config: AgentConfig;
  measurements: Measurements;
  createProver: ProverFactory;
  challenges: Pick<Challenges, 'begin' | 'sampleOf'>;
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
 * prover: one whose zkProof of the sample does not verify is not used. A circuit that came without a sample is measured on
 * a witness of random numbers, and an external prover's first job is its check. When an earlier start has measured the same
 * setting, the provers warm up while the agent bids already: a bid needs the promise, not the prover. An external program
 * that has changed since is another setting.
 */
export async function prepareCircuit(parts: PreparationParts): Promise<ProvableCircuit> {
  const { circuit, config, measurements, log } = parts;
  const { circuitId } = circuit;
  const key = parseVerificationKey(circuit.verificationKey);
  if (!key.ok || circuitIdOf(key.verificationKey) !== circuitId) {
    throw new Error(`the coordinator's verification key is not that of circuit ${circuitId}`);
  }
  const first = await proverOptionsOf(parts);
  const { backend, program, header } = first;
  if (header) expectSameCircuit(header, circuit, key.verificationKey.nPublic);
  const { threads, slots, handicap } = config;
  const artifacts = new HeldOptions(first.options, async () => (await proverOptionsOf(parts)).options);
  const raw = Array.from({ length: slots }, () => {
    return new RestingProver(async () => parts.createProver(await artifacts.get()));
  });
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
      const input = challenge?.input ?? ownInput(circuit) ?? (await parts.challenges.sampleOf(circuit));
      const { made, longestMs } = input
        ? await measure(raw, input, parts.signal)
        : await measureWithoutInput(raw, header!.wires, parts.signal);
      if (!measurements.has(setting)) measurements.rehearse(setting, handicap * longestMs);
      if (made) challenge?.deliver(made);
    } catch (error) {
      await Promise.all(raw.map((prover) => prover.close()));
      const message = `${program ?? 'snarkjs'} did not prove the sample of circuit ${circuitId}`;
      throw isCancelled(error) ? error : new Error(message, { cause: error });
    }
  }
  const [promisedMs, typicalMs] = [measurements.promisedMs(setting), measurements.typicalMs(setting)];
  log('circuitReady', { circuitId, name: circuit.name, backend: program ?? 'snarkjs', promisedMs, typicalMs });
  return {
    ...{ circuitId, name: circuit.name, setting },
    provers: raw.map((prover) => handicapProver(prover, handicap)),
    async rest() {
      artifacts.drop();
      await Promise.all(raw.map((prover) => prover.rest()));
    },
    wake() {
      // Whoever proves next is told what failed.
      for (const prover of raw) prover.warm().catch(() => undefined);
    },
  };
}

/** What provers are made with: their files are in memory once, for as long as any of them is awake. */
class HeldOptions {
  readonly #load: () => Promise<ProverOptions>;
  /** The program that was found and measured at the start, whatever is under its name later. */
  readonly #command: ProverOptions['command'];
  #held: Promise<ProverOptions> | null;

  constructor(first: ProverOptions, load: () => Promise<ProverOptions>) {
    this.#held = Promise.resolve(first);
    this.#command = first.command ?? null;
    this.#load = load;
  }

  get(): Promise<ProverOptions> {
    this.#held ??= this.#load().then(
      (options) => ({ ...options, command: this.#command ?? null }),
      (error) => {
        this.#held = null;
        throw error;
      },
    );
    return this.#held;
  }

  drop(): void {
    this.#held = null;
  }
}

/** What the circuit's provers are made with; `program` and `backend` (its state) are null for snarkjs. */
export async function proverOptionsOf({
  circuit,
  config,
  load,
  locate,
}: Pick<PreparationParts, 'circuit' | 'config' | 'load' | 'locate'>) {
  const template = chosenFor(config.backends, circuit);
  const found = template && findProgram(template);
  const wasm = sharedBytes(await load(circuit.wasm));
  // A native prover reads the file: this process need not hold it.
  const zkey = found ? null : sharedBytes(await load(circuit.zkey));
  const zkeyPath = found && (await locate(circuit.zkey));
  // The market's own circuit comes with an input, whose zkProof shows that the files belong together.
  const header = circuit.kind === 'transferRollup' ? null : await readZkeyHeader(zkey ?? zkeyPath!);
  const options: ProverOptions = {
    wasm,
    zkey,
    command: found && { template: found.template, zkeyPath: zkeyPath!, workDir: agentPaths(config.dataDir).work },
    verificationKey: circuit.verificationKey,
    threads: config.threads,
    selfCheck: config.selfCheck,
    memoryBytesMax: ((config.memoryMb ?? usableMemoryMb()) * 1_048_576) / (found ? config.slots : 1),
    witnessLimits: { limitMs: config.witnessLimitMs, memoryBytes: config.witnessMemoryMb * 1_048_576 },
  };
  return { options, backend: found?.fingerprint ?? null, program: found?.template.program ?? null, header };
}

/** A proving key of another circuit would be noticed only at the check of the first zkProof. */
function expectSameCircuit(header: ZkeyHeader, circuit: CircuitView, publicSignals: number): void {
  if (header.protocol === circuit.protocol && header.publicSignals === publicSignals) return;
  const [has, wants] = [
    `${header.protocol} with ${header.publicSignals} public signals`,
    `${circuit.protocol} with ${publicSignals}`,
  ];
  throw new Error(`the proving key of circuit ${circuit.circuitId} is of ${has}, its verification key of ${wants}`);
}

/** An input of a circuit that comes with this program. */
export function ownInput({ kind }: CircuitView): WitnessInput | null {
  return kind === 'transferRollup' ? sampleInput() : null;
}

/** Like `measure`, for a circuit without a known input: no zkProof comes of it. */
async function measureWithoutInput(
  provers: readonly Prover[],
  wires: number,
  signal: AbortSignal,
): Promise<{ made: null; longestMs: number }> {
  const rehearse = (prover: Prover) => prover.rehearse?.(wires, signal, SAMPLE_LIMIT_MS) ?? 0;
  return { made: null, longestMs: Math.max(...(await Promise.all(provers.map(rehearse)))) };
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
