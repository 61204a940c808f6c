import type { AgentSign } from '#protocol/agentRoutes.js';
import { type Client, RejectedError, UnreachableError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { LogView } from '#protocol/logLink.js';
import { type Bid, type GiveUp, giveUpDetail, type Messages, type MessageType } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import type { RouteAnswer, RouteCall } from '#protocol/routeCalls.js';
import type { RouteName } from '#protocol/routes.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import type { MarketView } from '#protocol/views.js';
import type { Account } from './account.js';
import { loginMessage } from './loginMessage.js';

/** Tokens are renewed this long before they expire, and used until shortly before. */
const TOKEN_MARGIN_MS = 60_000;
const TOKEN_LAST_MS = 5_000;

/** Versions of the market's parameters that are remembered. */
const PARAMETER_VERSIONS_MAX = 64;

/** True for failures after which sending the same again is safe and may succeed. */
export function isUnreachable(error: unknown): error is UnreachableError {
  return error instanceof UnreachableError;
}

/** True when the coordinator does not know this prover's login: a new one may help, or another coordinator. */
export function isLoginLost(error: unknown): boolean {
  return error instanceof RejectedError && ['notLoggedIn', 'loginExpired'].includes(error.code);
}

/** True when another agent works for this prover, as the coordinator sees it. */
export function isKeyInUse(error: unknown): error is RejectedError {
  return error instanceof RejectedError && error.code === 'keyInUse';
}

/** The coordinator's clock, kept by the times of its answers. */
export class CoordinatorClock {
  #offsetMs: number | null = null;
  readonly #localNowMs: () => number;

  constructor(localNowMs: () => number = Date.now) {
    this.#localNowMs = localNowMs;
  }

  /** What the coordinator's clock says now, Unix milliseconds. */
  nowMs(): number {
    return this.#localNowMs() + (this.#offsetMs ?? 0);
  }

  /**
   * Takes a reading of the coordinator's clock that was made between `sentMs` and now, local time. The offset is moved
   * only as far as the reading demands: one whose answer was long on its way says little, and spoils nothing.
   */
  set(coordinatorMs: number, sentMs: number): void {
    const [leastMs, mostMs] = [coordinatorMs - this.#localNowMs(), coordinatorMs - sentMs];
    const knownMs = this.#offsetMs ?? Math.round((leastMs + mostMs) / 2);
    this.#offsetMs = Math.max(leastMs, Math.min(mostMs, knownMs));
  }

  /** Local time, for {@link set}. */
  localMs(): number {
    return this.#localNowMs();
  }
}

/**
 * One prover's dealings with one coordinator: signs its messages, keeps its login. Every method does exactly one thing
 * and leaves repeating to the caller; a repeated message is the same message, so the coordinator gives the first
 * answer again. All of them throw RejectedError for a no and UnreachableError for a failure worth repeating.
 */
export class Session {
  readonly client: Client;
  readonly account: Account;
  readonly market: MarketView;
  readonly clock: CoordinatorClock;
  /** Who speaks, of the agents that have the key; null for who is no agent. */
  readonly #agent: AgentSign | null;
  readonly #parameters = new Map<number, Parameters>();
  readonly #logs = new Map<number, LogView>();
  #token: { text: string; expiresAtMs: number } | null = null;
  #loggingIn: Promise<string> | null = null;

  constructor(options: {
    client: Client;
    account: Account;
    market: MarketView;
    clock: CoordinatorClock;
    agent?: AgentSign | null;
  }) {
    this.#agent = options.agent ?? null;
    this.client = options.client;
    this.account = options.account;
    this.market = options.market;
    this.learnParameters(options.market.parametersVersion, options.market.parameters);
    this.clock = options.clock;
  }

  get address(): Address {
    return this.account.address;
  }

  get domain(): SigningDomain {
    return { chainId: this.market.chainId, coordinatorId: this.market.coordinatorId };
  }

  /** Reads the coordinator's clock, as heartbeats do. */
  async readClock(): Promise<void> {
    const sentMs = this.clock.localMs();
    this.clock.set((await this.client.call('getMarket', {})).nowMs, sentMs);
  }

  /** Signs a message of the market with this prover's key, or with another account's. */
  sign<Type extends MessageType>(
    type: Type,
    message: Messages[Type],
    account: Account = this.account,
  ): { message: Messages[Type]; signature: Hex } {
    return { message, signature: account.signDigest(digestOf(this.domain, type, message)) };
  }

  /** Registers the prover; `owner` signs too when it is another account. */
  register(name: string, owner: Account | null): Promise<RouteAnswer<'registerProver'>> {
    const ownerAddress = owner?.address ?? this.address;
    const message = { prover: this.address, owner: ownerAddress, name, issuedAtMs: this.clock.nowMs() };
    const signed = this.sign('ProverRegistration', message);
    const ownerSignature =
      owner && ownerAddress !== this.address ? this.sign('ProverRegistration', message, owner).signature : null;
    return this.client.call('registerProver', { body: { ...signed, ownerSignature } });
  }

  /** The parameters of a version: those that a round keeps to. Asked for once. */
  async parametersOf(version: number): Promise<Parameters> {
    const known = this.#parameters.get(version);
    if (known) return known;
    const { parameters } = await this.client.call('getParameters', { params: { version: String(version) } });
    this.learnParameters(version, parameters);
    return parameters;
  }

  /** Takes note of a version of the parameters. */
  learnParameters(version: number, parameters: Parameters): void {
    this.#parameters.set(version, parameters);
    for (const old of this.#parameters.keys()) {
      if (this.#parameters.size <= PARAMETER_VERSIONS_MAX) return;
      this.#parameters.delete(old);
    }
  }

  /**
   * A log of the market, asked for when it is new here. What was once said of one stays: no log gets another name or key.
   * @returns null when the market has no such log
   */
  async logWhere(isWanted: (log: LogView) => boolean): Promise<LogView | null> {
    const find = () => [...this.#logs.values()].find(isWanted) ?? null;
    const known = find();
    if (known) return known;
    const { logs } = await this.client.call('listLogs', {});
    for (const log of logs) if (!this.#logs.has(log.number)) this.#logs.set(log.number, log);
    return find();
  }

  placeBid(bid: Bid): Promise<RouteAnswer<'placeBid'>> {
    return this.client.call('placeBid', { body: this.sign('Bid', bid) });
  }

  /** Commits to a bid without showing it. */
  commitBid(bid: Bid): Promise<RouteAnswer<'commitBid'>> {
    const { roundId, prover } = bid;
    const commitment = digestOf(this.domain, 'Bid', bid);
    return this.client.call('commitBid', { body: this.sign('BidCommitment', { roundId, prover, commitment }) });
  }

  openBid(bid: Bid): Promise<RouteAnswer<'openBid'>> {
    return this.client.call('openBid', { body: this.sign('Bid', bid) });
  }

  /** Delivers a zkProof for a job. The same arguments make the same message. */
  submitProof(jobId: string, publicSignals: readonly string[], zkProof: object): Promise<RouteAnswer<'submitProof'>> {
    const contentHash = contentHashOf({ publicSignals, zkProof });
    const signed = this.sign('ProofSubmission', { jobId, prover: this.address, contentHash });
    return this.client.call('submitProof', { body: { ...signed, publicSignals, zkProof } });
  }

  /** Asks for the challenge job of a circuit. */
  requestChallenge(circuitId: Hex | string): Promise<RouteAnswer<'requestChallenge'>> {
    const message = { prover: this.address, circuitId: circuitId as Hex, issuedAtMs: this.clock.nowMs() };
    return this.client.call('requestChallenge', { body: this.sign('ChallengeRequest', message) });
  }

  /** Delivers the zkProof of a challenge job. */
  submitChallenge(
    circuitId: Hex,
    challengeId: Hex,
    publicSignals: readonly string[],
    zkProof: object,
  ): Promise<RouteAnswer<'submitChallenge'>> {
    const contentHash = contentHashOf({ publicSignals, zkProof });
    const signed = this.sign('ChallengeSubmission', { prover: this.address, circuitId, challengeId, contentHash });
    return this.client.call('submitChallenge', { body: { ...signed, publicSignals, zkProof } });
  }

  /** Commits to a zkProof for a pooled job. The same arguments make the same message. */
  commitToPool(jobId: string, contentHash: Hex): Promise<RouteAnswer<'commitToPool'>> {
    const commitment = poolCommitmentOf(contentHash, this.address, jobId);
    return this.client.call('commitToPool', {
      body: this.sign('PoolCommit', { jobId, prover: this.address, commitment }),
    });
  }

  /** @param detail - what goes with the reason, in any text: what cannot be signed of it is left out */
  giveUp(jobId: string, reason: GiveUp['reason'], detail = ''): Promise<RouteAnswer<'giveUp'>> {
    const message = { jobId, prover: this.address, reason, detail: giveUpDetail(detail) };
    return this.client.call('giveUp', { body: this.sign('GiveUp', message) });
  }

  /** The open jobs that this prover is primary or backup of. */
  async listDues(): Promise<RouteAnswer<'listDues'>['jobs']> {
    return (await this.client.call('listDues', { params: { address: this.address } })).jobs;
  }

  /** The private input of a job. Its hash is the caller's to check. */
  fetchInput(jobId: string): Promise<RouteAnswer<'getJobInput'>> {
    return this.#callWithToken('getJobInput', { params: { jobId } });
  }

  /** Says that this agent starts, also in another's place, or stops. Rejected (`keyInUse`) while another one works. */
  async announce(phase: RouteCall<'announceAgent'>['body']['phase']): Promise<void> {
    const agent = this.#agent;
    if (agent) await this.#callWithToken('announceAgent', { body: { agent, phase } });
  }

  /** Keeps the leases of the jobs named, and shows that this agent lives. */
  async beat(jobs: RouteCall<'beat'>['body']['jobs']): Promise<RouteAnswer<'beat'>> {
    const sentMs = this.clock.localMs();
    const body = this.#agent ? { jobs, agent: this.#agent } : { jobs };
    const answer = await this.#callWithToken('beat', { body });
    this.clock.set(answer.nowMs, sentMs);
    return answer;
  }

  /** Logs in now; later calls do it by themselves when the token is about to expire. */
  async logIn(): Promise<void> {
    await this.#login();
  }

  async #callWithToken<Name extends RouteName>(name: Name, call: RouteCall<Name>): Promise<RouteAnswer<Name>> {
    try {
      return await this.client.call(name, call, await this.#validToken());
    } catch (error) {
      if (!isLoginLost(error)) throw error;
      this.#token = null;
      return this.client.call(name, call, await this.#validToken());
    }
  }

  async #validToken(): Promise<string> {
    const token = this.#token;
    const leftMs = token ? token.expiresAtMs - this.clock.nowMs() : 0;
    if (leftMs > TOKEN_MARGIN_MS) return token!.text;
    this.#loggingIn ??= this.#login().finally(() => {
      this.#loggingIn = null;
    });
    if (leftMs <= TOKEN_LAST_MS) return this.#loggingIn;
    // A heartbeat must not wait for a login: the old token is good for a while, and a failed renewal is tried again.
    this.#loggingIn.catch(() => undefined);
    return token!.text;
  }

  async #login(): Promise<string> {
    const { nonce } = await this.client.call('getLoginNonce', {});
    const message = loginMessage({
      baseUrl: this.client.baseUrl,
      address: this.address,
      chainId: this.market.chainId,
      nonce,
      issuedAtMs: this.clock.nowMs(),
    });
    const body = { message, signature: this.account.signText(message) };
    const { token, expiresAtMs } = await this.client.call('logIn', { body });
    this.#token = { text: token, expiresAtMs };
    return token;
  }
}
