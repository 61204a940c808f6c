/** A market whose money is on a chain, driven command by command; the chain is what the test says of it. */
import type { ChainTerms } from '#protocol/chainEntries.js';
import type { BlockRequest } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import { circuitIdOf } from '#protocol/verificationKey.js';
import { DOMAIN, ETH, type Executed, MarketDriver, type Party } from './marketDriver.js';
import { OPERATOR } from './testOperator.js';

export const EPOCH_MS = 60_000;

export const TERMS: ChainTerms = {
  chainId: DOMAIN.chainId,
  contract: `0x${'c0'.repeat(20)}`,
  token: null,
  deployBlock: 1,
  confirmations: 3,
  epochMs: EPOCH_MS,
  exitDelaySec: 604_800,
};

/** A circuit of three signals, whose key nobody proves with: points do not matter to these tests. */
const VERIFICATION_KEY = {
  vk_alpha_1: ['1', '2', '1'],
  vk_beta_2: [
    ['3', '4'],
    ['5', '6'],
  ],
  vk_gamma_2: [
    ['7', '8'],
    ['9', '10'],
  ],
  vk_delta_2: [
    ['11', '12'],
    ['13', '14'],
  ],
  IC: [
    ['15', '16', '1'],
    ['17', '18', '1'],
    ['19', '20', '1'],
    ['21', '22', '1'],
  ],
};

const SETTLED_CIRCUIT_ID = circuitIdOf(VERIFICATION_KEY as never);

export class ChainDriver extends MarketDriver {
  #totalWei = 0n;
  #deposits = 0;

  override async open(): Promise<this> {
    const market = { origin: OPERATOR.origin, ...DOMAIN, logKey: OPERATOR.logKey, faucet: false };
    await this.run({ kind: 'openMarket', market: { ...market, parameters: DEFAULT_PARAMETERS } });
    const artifact = { sha256: `0x${'00'.repeat(32)}` as Hex, bytes: 1 };
    const kinds = { name: 'test', kind: 'transferRollup' as const, protocol: 'groth16' as const, signalCount: 3 };
    const files = { verificationKey: VERIFICATION_KEY, wasm: artifact, zkey: artifact, samples: [] };
    await this.run({
      kind: 'registerCircuit',
      circuit: { circuitId: SETTLED_CIRCUIT_ID, ...kinds, ...files },
      registration: null,
    });
    await this.run({ kind: 'attachChain', terms: TERMS });
    return this;
  }

  override request(requester: Party, terms: Partial<BlockRequest> = {}): Promise<BlockRequest> {
    return super.request(requester, { circuitId: SETTLED_CIRCUIT_ID, ...terms });
  }

  /** The next deposit, as the contract would tell of it. */
  depositOf(account: Address, amountWei: bigint) {
    const startWei = this.#totalWei;
    this.#totalWei += amountWei;
    this.#deposits += 1;
    const hash = (seed: string): Hex => `0x${seed.repeat(31)}${(this.#deposits % 256).toString(16).padStart(2, '0')}`;
    return {
      kind: 'creditDeposit' as const,
      account,
      amountWei,
      deposit: {
        blockNumber: 10 + this.#deposits,
        blockHash: hash('b1'),
        logIndex: 0,
        transactionHash: hash('7a'),
        startWei: startWei.toString(),
      },
    };
  }

  override async fund(address: Address, amountWei = 100n * ETH): Promise<void> {
    await this.run(this.depositOf(address, amountWei));
  }

  async takeOut(account: Party, cumulativeWei: bigint): Promise<Executed> {
    const message = { account: account.address, cumulativeWei: cumulativeWei.toString(), issuedAtMs: this.nowMs };
    const { digest, signature } = await account.sign('Withdrawal', message);
    return this.run({ kind: 'requestWithdrawal', message, signature, digest }, digest);
  }

  /** Lets an epoch pass and computes its root. */
  async computeRoot(): Promise<Executed> {
    this.nowMs += EPOCH_MS;
    return this.run({ kind: 'computeBalanceRoot' });
  }

  /** The contract has had the newest root for long enough. */
  async postRoot(epoch = this.state.settlement!.computed!.epoch): Promise<Executed> {
    return this.run({ kind: 'notePostedRoot', epoch, transactionHash: `0x${'ab'.repeat(32)}`, blockNumber: 99 });
  }
}
