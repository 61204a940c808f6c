import type { EntryOf } from '#protocol/entries.js';
import type { CircuitView } from '#protocol/views.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { ArtifactError, type ArtifactName, loadArtifact, locateArtifact } from '../client/artifacts.js';
import { DiskError } from '../client/diskError.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentConfig, agentPaths } from '../config.js';
import { type AgentLog, messageOf } from '../log.js';
import { type Acceptance, acceptanceOf, passedBy } from './acceptance.js';
import type { Challenges } from './challenges.js';
import type { Measurements } from './measurements.js';
import { type ProvableCircuit, prepareCircuit } from './provableCircuit.js';
import type { ProverFactory } from './prover.js';
import { isCancelled } from './provingError.js';

/** Pause before a circuit is tried again whose files the coordinator did not have, in milliseconds. */
const AGAIN_MS = 60_000;

export interface CircuitShelfParts {
  config: AgentConfig;
  session: Session;
  /** What can be proven; filled here. */
  circuits: Map<string, ProvableCircuit>;
  measurements: Measurements;
  challenges: Pick<Challenges, 'begin' | 'sampleOf'>;
  createProver: ProverFactory;
  fetch: typeof fetch;
  /** Called when a circuit can be proven. */
  onReady(): void;
  log: AgentLog;
  signal: AbortSignal;
}

/**
 * Gets the circuits ready that this agent accepts. One that fails does not keep the others from being served: strangers
 * may register circuits whose files nobody has.
 */
export class CircuitShelf {
  readonly #parts: CircuitShelfParts;
  readonly #acceptance: Acceptance;
  /** Hashes, as file names, of the artifacts of circuits that are served or being prepared. */
  readonly #inUse = new Set<string>();
  readonly #passedBy = new Set<string>();
  readonly #coming = new Set<string>();
  /** The end of the newest preparation: one at a time, or they would disturb each other's measurements. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: CircuitShelfParts) {
    this.#parts = parts;
    this.#acceptance = acceptanceOf(parts.config);
  }

  /**
   * Prepares the circuits that the market lists. Returns when those of its own kind are ready, and all if it has none;
   * the others follow beside the work.
   * @throws what the last one failed for when none of them can be served, unless waiting may help
   */
  async open(): Promise<void> {
    const listed = await this.#untilReached(() => this.#parts.session.client.call('listCircuits', {}));
    const accepted = listed.circuits.filter((circuit) => this.#isAccepted(circuit)).sort(ownFirst);
    const own = accepted.filter(({ kind }) => kind === 'transferRollup');
    const first = own.length > 0 ? own : accepted;
    let failure: unknown = null;
    for (const circuit of first) {
      failure = (await this.#queue(circuit)) ?? failure;
    }
    for (const circuit of accepted) if (!first.includes(circuit)) void this.#queue(circuit);
    if (failure && this.#parts.circuits.size === 0 && !isWorthWaitingFor(failure)) throw failure;
  }

  /** Whether a circuit is being prepared, or waits for its turn: jobs of it are not hopeless. */
  isComing(circuitId: string): boolean {
    return this.#coming.has(circuitId);
  }

  /** Looks at a circuit that was registered just now. Never throws. */
  onRegistered(entry: EntryOf<'circuitRegistered'>): void {
    const { type: _type, atMs: _atMs, registration: _registration, ...circuit } = entry;
    // Anybody may register circuits, as many as it likes: nothing is fetched for those that are not accepted.
    if (this.#isAccepted(circuit)) void this.#queue(circuit);
  }

  #isAccepted(circuit: Parameters<typeof passedBy>[0]): boolean {
    const { circuitId, kind, protocol } = circuit;
    const refusal = passedBy(circuit, this.#acceptance);
    if (refusal && !this.#passedBy.has(circuitId)) {
      this.#passedBy.add(circuitId);
      this.#parts.log('circuitPassedBy', { circuitId, kind, protocol, ...refusal });
    }
    return refusal === null;
  }

  /** Prepares a circuit when those before it are done. Never throws. @returns why it failed, or null */
  #queue(circuit: CircuitView): Promise<unknown> {
    this.#coming.add(circuit.circuitId);
    const done = this.#last.then(() => this.#prepare(circuit));
    this.#last = done.then(() => {
      this.#coming.delete(circuit.circuitId);
      this.#parts.onReady();
    });
    return done;
  }

  async #prepare(circuit: CircuitView): Promise<unknown> {
    const { circuits, signal } = this.#parts;
    const { circuitId } = circuit;
    if (circuits.has(circuitId) || signal.aborted) return null;
    const files = [circuit.wasm, circuit.zkey].map(({ sha256 }) => sha256.slice(2));
    for (const file of files) this.#inUse.add(file);
    try {
      circuits.set(circuitId, await prepareCircuit(this.#preparationOf(circuit)));
      return null;
    } catch (error) {
      for (const file of files) this.#inUse.delete(file);
      if (signal.aborted || isCancelled(error)) return error;
      this.#fail(circuitId, error);
      if (isWorthWaitingFor(error)) void pause(AGAIN_MS, signal).then(() => this.#queue(circuit));
      return error;
    }
  }

  #preparationOf(circuit: CircuitView) {
    const { config, measurements, challenges, createProver, fetch, log, signal, circuits } = this.#parts;
    const source = {
      baseUrl: config.coordinator,
      fetch,
      cacheDir: agentPaths(config.dataDir).artifacts,
      artifactDir: config.artifactDir,
      limits: { cacheBytesMax: config.cacheMb * 1_048_576, isInUse: (name: string) => this.#inUse.has(name) },
      signal,
    };
    return {
      ...{ circuit, config, measurements, challenges, createProver, log, signal },
      load: (name: ArtifactName) => this.#untilReached(() => loadArtifact(name, source)),
      locate: (name: ArtifactName) => this.#untilReached(() => locateArtifact(name, source)),
      onLost: (error: unknown) => {
        circuits.delete(circuit.circuitId);
        this.#fail(circuit.circuitId, error);
      },
    };
  }

  #fail(circuitId: string, error: unknown): void {
    if (this.#parts.signal.aborted) return;
    this.#parts.log('circuitFailed', {
      circuitId,
      reason: messageOf(error),
      ...(isWorthWaitingFor(error) ? { againInMs: AGAIN_MS } : {}),
    });
  }

  #untilReached<Result>(action: () => Promise<Result>): Promise<Result> {
    const { log, signal } = this.#parts;
    return repeatUntilDone(action, {
      isWorthRepeating: isUnreachable,
      onFailure: (error, attempt) => log('coordinatorUnreachable', { attempt, reason: messageOf(error) }),
      signal,
    });
  }
}

/** What the coordinator does not serve now it may serve later, and a full disk may be emptied. */
function isWorthWaitingFor(error: unknown): boolean {
  return error instanceof ArtifactError || error instanceof DiskError;
}

/** The market's own circuits first, then the smaller ones: they are ready sooner. */
function ownFirst(a: CircuitView, b: CircuitView): number {
  return Number(b.kind === 'transferRollup') - Number(a.kind === 'transferRollup') || a.zkey.bytes - b.zkey.bytes;
}
