/** Agents of a live market: real ones in processes of their own, and ones that have their zkProofs at hand. */
import { join } from 'node:path';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { openKeyFile } from '#agent/client/keyFile.js';
import { agentPaths, parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { Measurements } from '#agent/proving/measurements.js';
import { type MadeProof, type Prover, ProvingError } from '#agent/proving/prover.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { type BlockSample, block8Samples } from '../fixtures/block8.js';
import { ETHER, type LiveMarket } from './liveMarket.js';
import { LiveProcess, until } from './liveProcess.js';

export interface LiveAgentOptions {
  name: string;
  priceWei: bigint;
  standbyWei?: bigint;
  slots?: number;
  /** What the agent remembers of an earlier start: the time of a zkProof, in milliseconds; null: nothing. */
  measuredMs?: number | null;
  /** Further flags of a real agent, and variables of its process. */
  flags?: readonly string[];
  environment?: Record<string, string>;
}

const FUNDS_WEI = 10n * ETHER;

/** Spares an agent the measurement of its first start. */
async function rememberTime(market: LiveMarket, dataDir: string, slots: number, ms: number | null): Promise<void> {
  if (ms === null) return;
  const { circuits } = await market.client().call('listCircuits', {});
  const setting = { circuitId: circuits[0]!.circuitId, threads: 1, slots, handicap: 1 };
  await new Measurements(agentPaths(dataDir).measurements).add(setting, ms);
}

/** A real agent in a process of its own. */
export class LiveAgent {
  process!: LiveProcess;
  readonly account: Account;
  readonly #args: string[];
  readonly #environment: Record<string, string>;

  private constructor(args: string[], account: Account, environment: Record<string, string>) {
    this.#args = args;
    this.account = account;
    this.#environment = environment;
  }

  /** Funds and starts an agent and waits until it is ready; the market's end stops it. */
  static async start(market: LiveMarket, options: LiveAgentOptions): Promise<LiveAgent> {
    const { name, priceWei, standbyWei = priceWei / 20n, slots = 1, measuredMs = 6_000 } = options;
    const dataDir = join(market.folder, name);
    const keyFile = join(dataDir, 'key.json');
    await rememberTime(market, dataDir, slots, measuredMs);
    const account = openKeyFile(keyFile);
    await market.fund(account.address, FUNDS_WEI);
    const args = ['agent', '--coordinator', market.coordinator.url, '--name', name, '--key-file', keyFile];
    args.push('--data-dir', dataDir, '--artifact-dir', circuitFiles().folder, '--finish', '0');
    args.push('--price-wei', `${priceWei}`, '--standby-wei', `${standbyWei}`, '--slots', `${slots}`);
    args.push(...(options.flags ?? []));
    const agent = new LiveAgent(args, account, options.environment ?? {});
    agent.launch();
    market.onClose(() => agent.process.stop());
    await agent.event('ready');
    await agent.event('feedConnected');
    return agent;
  }

  /** Starts the process; again after it has ended. */
  launch(): void {
    this.process = new LiveProcess(this.#args, this.#environment);
  }

  /** Waits until the process has logged an event. */
  async event(event: string, withinMs = 90_000): Promise<Record<string, unknown>> {
    return this.process.line((line) => line.event === event, `the event ${event}`, withinMs);
  }
}

export interface InstantAgentOptions extends LiveAgentOptions {
  /** The coordinator to work with; default: the market's first. */
  url?: string;
  /** An account that another agent has too; by default a new one. */
  account?: Account;
  /** The agent is on a machine of its own: nothing but the market can keep it off a key. */
  isElsewhere?: boolean;
  takeOver?: boolean;
  /** How it reaches the market; by default as the test does. */
  fetch?: typeof fetch;
  /** A cheat's place: changes what is delivered. */
  bend?: (made: MadeProof) => MadeProof;
}

/**
 * The agent as it is shipped, in the test's own process, with a prover that has the zkProofs of the example block at
 * hand and gives them out when the test says so.
 */
export class InstantAgent {
  readonly account: Account;
  readonly events: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  readonly #stop = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #permits = Number.POSITIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();

  private constructor(account: Account) {
    this.account = account;
  }

  /** Resolves when the agent has ended; throws why, when it did not end by itself. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** Funds and starts an agent and waits until it follows the feed; the market's end stops it. */
  static async start(market: LiveMarket, options: InstantAgentOptions): Promise<InstantAgent> {
    const agent = new InstantAgent(options.account ?? accountOf(newPrivateKey()));
    const { name, priceWei, standbyWei = priceWei / 20n, slots = 4, measuredMs = 100 } = options;
    const dataDir = join(market.folder, name);
    await rememberTime(market, dataDir, slots, measuredMs);
    await market.fund(agent.account.address, FUNDS_WEI);
    const samples = await block8Samples();
    const config = parseAgentConfig({
      coordinator: options.url ?? market.coordinator.url,
      name,
      dataDir,
      artifactDir: circuitFiles().folder,
      priceWei: priceWei.toString(),
      standbyWei: standbyWei.toString(),
      slots,
      finishMs: 0,
    });
    agent.#running = runAgent(config, {
      account: agent.account,
      log: (event, fields = {}) => void agent.events.push({ event, fields }),
      signal: agent.#stop.signal,
      fetch: options.fetch ?? market.fetch,
      takeOver: options.takeOver ?? false,
      ...(options.isElsewhere ? { holdKey: async () => () => {} } : {}),
      createProver: () => agent.#prover(samples, options.bend ?? ((made) => made)),
    });
    // Who waits for its end hears why; the market's end does not depend on it.
    market.onClose(() => agent.stop().catch(() => undefined));
    await Promise.race([agent.event('feedConnected'), agent.#running]);
    return agent;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** From now on proofs take until they are released. */
  hold(): void {
    this.#permits = 0;
  }

  /** Lets so many held proofs be done, or this and all later ones. */
  release(count = Number.POSITIVE_INFINITY): void {
    this.#permits += count;
    while (this.#permits > 0 && this.#waiting.length > 0) {
      this.#permits -= 1;
      this.#waiting.shift()!();
    }
  }

  /** Waits until the agent has logged an event. */
  async event(event: string, isWanted: (fields: Readonly<Record<string, unknown>>) => boolean = () => true) {
    const last = () => JSON.stringify(this.events.slice(-10));
    const look = () => this.events.find((one) => one.event === event && isWanted(one.fields));
    return until(look, () => `the event ${event}; last: ${last()}`);
  }

  #prover(samples: readonly BlockSample[], bend: (made: MadeProof) => MadeProof): Prover {
    return {
      warm: async () => {},
      close: async () => {},
      prove: async (input, onProgress, signal) => {
        onProgress?.({ stage: 'proving', progressPpm: 500_000 });
        await this.#permit(signal);
        const sample = samples.find(({ publicSignals }) => publicSignals[0] === input.preStateRoot);
        if (!sample) throw new ProvingError('provingFailed', 'there is no zkProof at hand for this input');
        return bend({
          zkProof: { ...sample.zkProof },
          publicSignals: sample.publicSignals,
          witnessMs: 1,
          provingMs: 1,
        });
      },
    };
  }

  async #permit(signal: AbortSignal | undefined): Promise<void> {
    if (this.#permits > 0) {
      this.#permits -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      const cancel = () => {
        const place = this.#waiting.indexOf(resolve);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(new ProvingError('cancelled', 'the work was cancelled'));
      };
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }
}
