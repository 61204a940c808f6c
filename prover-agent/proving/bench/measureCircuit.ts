import type { CircuitView } from '#protocol/views.js';
import { type ArtifactName, loadArtifact, locateArtifact } from '../../client/artifacts.js';
import { type AgentConfig, agentPaths } from '../../config.js';
import { messageOf } from '../../log.js';
import type { Measurements } from '../measurements.js';
import { ownInput, proverOptionsOf } from '../provableCircuit.js';
import type { WitnessInput } from '../prover.js';
import type { CircuitMeasured } from './benchFile.js';
import type { BenchWay } from './benchPlan.js';
import { measureWay } from './measureWay.js';

export interface MeasureCircuitParts {
  circuit: CircuitView;
  config: AgentConfig;
  ways: readonly BenchWay[];
  /** zkProofs on each slot in each way. */
  rounds: number;
  /** Where the times are kept that bids promise by. */
  measurements: Measurements;
  /** An input of the circuit that is public; null when it came without. */
  sampleOf(circuit: CircuitView): Promise<WitnessInput | null>;
  signal: AbortSignal;
  onWay(name: string, way: BenchWay): void;
  onProof(): void;
}

/**
 * Measures a circuit in all ways, one after the other, and keeps the times for the bids of an agent that is set so. A way
 * that fails, as for want of memory, is told with its reason and does not keep the others from being measured.
 * @throws when the circuit's files cannot be had
 */
export async function measureCircuit(parts: MeasureCircuitParts): Promise<CircuitMeasured> {
  const { circuit, config, ways, rounds, measurements, signal, onWay, onProof } = parts;
  const { circuitId, name, protocol, zkey } = circuit;
  const paths = agentPaths(config.dataDir);
  const source = {
    baseUrl: config.coordinator,
    fetch,
    cacheDir: paths.artifacts,
    artifactDir: config.artifactDir,
    signal,
  };
  const load = (artifact: ArtifactName) => loadArtifact(artifact, source);
  const locate = (artifact: ArtifactName) => locateArtifact(artifact, source);
  const { options, backend, program, header } = await proverOptionsOf({ circuit, config, load, locate });
  const { wasm: _, zkey: __, ...prover } = options;
  const input = ownInput(circuit) ?? (await parts.sampleOf(circuit));
  const zkeyPath = program === null ? await locate(zkey) : null;
  const task = { prover, wasmPath: await locate(circuit.wasm), zkeyPath, input, wires: header?.wires ?? 0, rounds };
  const measured: CircuitMeasured = {
    ...{ circuitId, name, protocol, zkeyBytes: zkey.bytes, backend: program ?? 'snarkjs' },
    ways: [],
    failures: [],
  };
  for (const way of ways) {
    if (signal.aborted) break;
    onWay(name, way);
    try {
      const { way: times, totalsMs } = await measureWay(way, task, { onProof, signal });
      measured.ways.push(times);
      const { handicap } = config;
      const setting = { circuitId, ...way, handicap, backend };
      measurements.rehearseAll(
        setting,
        totalsMs.map((ms) => handicap * ms),
      );
    } catch (error) {
      if (!signal.aborted) measured.failures.push({ ...way, reason: messageOf(error) });
    }
  }
  return measured;
}
