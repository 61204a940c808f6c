import { RejectedError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { ChallengeView, CircuitView } from '#protocol/views.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import type { MadeProof, WitnessInput } from './prover.js';

/** How often the verdict on a challenge is looked for, in milliseconds. */
const LOOK_MS = 100;

/** A challenge is not begun when it is due so soon, in milliseconds. */
const SHORTEST_MS = 1_000;

/** Pause after a challenge that could not be tried, in milliseconds. */
const RETRY_MS = 10_000;

/** A challenge job to prove now, whose time is as good a measurement as any. */
export interface ChallengeJob {
  input: WitnessInput;
  /** Sends the zkProof and waits for the verdict, in the background; fails into the log and tries again later. */
  deliver(made: MadeProof): void;
}

export interface ChallengesOptions {
  session: Session;
  /** Circuits whose challenge this prover has passed by what the market says. */
  passed: Iterable<string>;
  log: AgentLog;
  signal: AbortSignal;
  /** Called when a challenge has passed: the prover may bid on the circuit. */
  onPassed(circuitId: string): void;
}

/** Passes the challenges that a market asks of a prover that is new to a circuit. */
export class Challenges {
  readonly #options: ChallengesOptions;
  readonly #passed: Set<string>;
  /** Circuits that ask for a challenge. */
  readonly #asked = new Set<string>();

  constructor(options: ChallengesOptions) {
    this.#options = options;
    this.#passed = new Set(options.passed);
  }

  /** Whether this prover may bid on a circuit. */
  isPassed(circuitId: string): boolean {
    return this.#passed.has(circuitId) || !this.#asked.has(circuitId);
  }

  /**
   * Gets the challenge job of a circuit, if it has to be proven now. Asks nothing where none is needed.
   * @param prove - makes the zkProof of another try, should this one come to nothing
   */
  async begin(circuit: CircuitView, prove: (input: WitnessInput) => Promise<MadeProof>): Promise<ChallengeJob | null> {
    const { circuitId, samples } = circuit;
    const isAsked = this.#options.session.market.parameters.newcomerJobs > 0 && samples.length > 0;
    if (!isAsked || this.#passed.has(circuitId)) return null;
    this.#asked.add(circuitId);
    const again = () => void this.#passLater(circuit, prove);
    try {
      const challenge = await this.#current(circuitId);
      if (challenge?.status === 'open') {
        const input = await this.#inputOf(circuit, challenge.sampleIndex);
        const deliver = async (made: MadeProof) => (await this.#deliver(challenge, made)) || again();
        return { input, deliver: (made) => void deliver(made) };
      }
    } catch (error) {
      this.#options.log('challengeDelayed', { circuitId, reason: messageOf(error) });
    }
    if (!this.#passed.has(circuitId)) again();
    return null;
  }

  /** A public input of a circuit, to measure a machine with; null for a circuit that came without any. */
  async sampleOf(circuit: CircuitView): Promise<WitnessInput | null> {
    return circuit.samples.length > 0 ? await this.#inputOf(circuit, 0) : null;
  }

  /** Goes on until the challenge has passed: waits for a verdict or for the end of a lost challenge, and tries again. */
  async #passLater(circuit: CircuitView, prove: (input: WitnessInput) => Promise<MadeProof>): Promise<void> {
    const { session, log, signal } = this.#options;
    while (!signal.aborted && !this.#passed.has(circuit.circuitId)) {
      try {
        const challenge = await this.#current(circuit.circuitId);
        if (challenge?.status === 'open') {
          await this.#deliver(challenge, await prove(await this.#inputOf(circuit, challenge.sampleIndex)));
        } else if (challenge?.status === 'received') {
          await this.#verdict(challenge);
        } else if (challenge?.status === 'failed') {
          await pause(challenge.dueMs - session.clock.nowMs(), signal);
        }
      } catch (error) {
        if (signal.aborted) return;
        log('challengeDelayed', { circuitId: circuit.circuitId, reason: messageOf(error) });
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** The challenge as it stands, a new one where none is open; null when it turns out that none is needed. */
  async #current(circuitId: string): Promise<ChallengeView | null> {
    const { session, log } = this.#options;
    const last = await this.#newest(circuitId);
    if (last?.status === 'passed') this.#pass(circuitId);
    const isOver = !last || last.dueMs - session.clock.nowMs() < (last.status === 'open' ? SHORTEST_MS : 0);
    if (last && (last.status === 'received' || last.status === 'passed' || !isOver)) return last;
    try {
      await this.#patiently(() => session.requestChallenge(circuitId));
    } catch (error) {
      const code = error instanceof RejectedError ? error.code : null;
      if (code === 'challengeNotNeeded') this.#pass(circuitId);
      // One that is due in a moment is not begun any more, and no other is had before.
      else if (code === 'challengeOpen') await pause(SHORTEST_MS, this.#options.signal);
      else throw error;
      return null;
    }
    const challenge = await this.#newest(circuitId);
    if (challenge) log('challengeIssued', { circuitId, sampleIndex: challenge.sampleIndex, dueMs: challenge.dueMs });
    return challenge;
  }

  async #newest(circuitId: string): Promise<ChallengeView | null> {
    const { session } = this.#options;
    const call = { params: { address: session.address } };
    const { challenges } = await this.#patiently(() => session.client.call('listChallenges', call));
    return challenges.find((one) => one.circuitId === circuitId) ?? null;
  }

  async #inputOf({ circuitId, samples }: CircuitView, index: number): Promise<WitnessInput> {
    const call = { params: { circuitId, index: String(index) } };
    const { input } = await this.#patiently(() => this.#options.session.client.call('getSample', call));
    if (contentHashOf(input) !== samples[index]?.inputHash) throw new Error('the sample’s input has another hash');
    return input;
  }

  /** Sends a zkProof and waits for its verdict. Never throws. @returns whether it has passed */
  async #deliver(challenge: ChallengeView, made: MadeProof): Promise<boolean> {
    const { session, log, signal } = this.#options;
    const { circuitId, challengeId } = challenge;
    try {
      await this.#patiently(() => session.submitChallenge(circuitId, challengeId, made.publicSignals, made.zkProof));
      return await this.#verdict(challenge);
    } catch (error) {
      if (!signal.aborted) log('challengeDelayed', { circuitId, reason: messageOf(error) });
      return false;
    }
  }

  async #verdict({ circuitId, challengeId }: ChallengeView): Promise<boolean> {
    for (;;) {
      const challenge = await this.#newest(circuitId);
      if (challenge?.challengeId !== challengeId || this.#options.signal.aborted) return false;
      if (challenge.status === 'passed') {
        this.#pass(circuitId);
        return true;
      }
      if (challenge.status === 'failed') {
        this.#options.log('challengeFailed', { circuitId, againMs: challenge.dueMs });
        return false;
      }
      await pause(LOOK_MS, this.#options.signal);
    }
  }

  #pass(circuitId: string): void {
    if (this.#passed.has(circuitId)) return;
    this.#passed.add(circuitId);
    this.#options.log('challengePassed', { circuitId });
    this.#options.onPassed(circuitId);
  }

  #patiently<Result>(action: () => Promise<Result>): Promise<Result> {
    return repeatUntilDone(action, { isWorthRepeating: isUnreachable, signal: this.#options.signal });
  }
}
