/**
 * Holds a log against its chain: each posted root is one that the log computed at that tree size, each job set is one that
 * the log committed, every deposit of the log is the contract's, in its order, and the contract holds at least what it owes. The log's own roots are recomputed
 * by the replay that goes with it.
 */
import { erc20Abi, getAbiItem, type PublicClient } from 'viem';
import { entitlementsOf } from '#market/settlement.js';
import type { MarketState } from '#market/state.js';
import type { ChainTerms } from '#protocol/chainEntries.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Address, Hex } from '#protocol/units.js';
import type { ChainClient } from './chainClient.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';
import { type FoundDeposit, LogReader } from './logReader.js';

/** A root as the contract was given it. */
export interface PostedRoot {
  epoch: number;
  balanceRoot: Hex;
  logRootHash: Hex;
  sumWei: bigint;
  creditedWei: bigint;
  treeSize: number;
}

/** A job set as the contract was given it. */
export interface CommittedSet {
  setId: Hex;
  itemsRoot: Hex;
  totalWei: bigint;
}

/** What the chain shows of a contract up to a block. */
export interface ChainFacts {
  blockNumber: number;
  roots: PostedRoot[];
  sets: CommittedSet[];
  deposits: FoundDeposit[];
}

/** What was held against what, and what does not agree, in sentences. */
export interface ChainFindings {
  roots: number;
  deposits: number;
  accounts: number;
  flaws: string[];
}

const EVENTS = [
  getAbiItem({ abi: SETTLEMENT_ABI, name: 'RootPosted' }),
  getAbiItem({ abi: SETTLEMENT_ABI, name: 'JobSetCommitted' }),
] as const;

/** Reads all roots and deposits of a contract up to a block. */
export async function readChainFacts(
  client: PublicClient,
  terms: ChainTerms,
  blockNumber: number,
): Promise<ChainFacts> {
  if ((await client.getChainId()) !== terms.chainId) throw new Error(`the log is of chain ${terms.chainId}`);
  const reader = new LogReader();
  const facts: ChainFacts = { blockNumber, roots: [], sets: [], deposits: [] };
  for (let from = terms.deployBlock; from <= blockNumber; ) {
    const { deposits, to } = await reader.deposits(client, terms.contract, from, blockNumber);
    const range = { fromBlock: BigInt(from), toBlock: BigInt(to) };
    const logs = await client.getLogs({ address: terms.contract, events: EVENTS, ...range, strict: true });
    facts.deposits.push(...deposits);
    for (const { eventName, args } of logs) {
      if (eventName === 'JobSetCommitted') facts.sets.push(args);
      else facts.roots.push({ ...args, epoch: Number(args.epoch), treeSize: Number(args.treeSize) });
    }
    from = to + 1;
  }
  return facts;
}

/** Takes the entries of a log as an audit reads them, then looks at the chain. */
export class ChainAudit {
  terms: ChainTerms | null = null;
  readonly #roots = new Map<number, EntryOf<'balanceRootComputed'>>();
  readonly #deposits: EntryOf<'deposited'>[] = [];
  readonly #sets = new Map<Hex, EntryOf<'jobSetCommitted'>>();

  take(entry: Entry, index: number): void {
    if (entry.type === 'chainAttached') this.terms = entry;
    if (entry.type === 'balanceRootComputed') this.#roots.set(index + 1, entry);
    if (entry.type === 'jobSetCommitted') this.#sets.set(entry.setId, entry);
    if (entry.type === 'deposited' && entry.chain) this.#deposits.push(entry);
  }

  /**
   * @param blockNumber - a block from before the log was read: whatever it has of the market, the log has too
   * @param state - what the log folds to
   * @param rootHashAt - the log's own root hash where it computed a root, by tree size, as hexadecimal; null elsewhere
   */
  async hold(
    chain: Pick<ChainClient, 'use'>,
    blockNumber: number,
    state: MarketState,
    rootHashAt: (treeSize: number) => string | null,
  ): Promise<ChainFindings> {
    const { terms } = this;
    if (!terms) throw new Error('this log is of a market without a chain: leave out --chain');
    return chain.use(async (client) => {
      const facts = await readChainFacts(client, terms, blockNumber);
      const flaws = [
        ...this.#rootFlaws(facts.roots, rootHashAt),
        ...this.#depositFlaws(facts.deposits, blockNumber),
        ...this.#setFlaws(facts.sets),
        ...(await moneyFlaws(client, terms, state, facts.blockNumber)),
      ];
      const { length: roots } = facts.roots;
      return { roots, deposits: this.#deposits.length, accounts: entitlementsOf(state).size, flaws };
    });
  }

  #rootFlaws(roots: PostedRoot[], rootHashAt: (treeSize: number) => string | null): string[] {
    return roots.flatMap(({ epoch, treeSize, balanceRoot, logRootHash, sumWei, creditedWei }) => {
      const own = this.#roots.get(treeSize);
      const about = `the root of epoch ${epoch} on the chain, of ${treeSize} entries,`;
      const rootHash = rootHashAt(treeSize);
      if (rootHash === null) return [`${about} is none that this log computed there`];
      if (`0x${rootHash}` !== logRootHash) return [`${about} speaks of another log: ${logRootHash}, not 0x${rootHash}`];
      if (!own || own.epoch !== epoch) return [`${about} is none that the log computed there`];
      if (own.balanceRoot !== balanceRoot) return [`${about} is ${balanceRoot}, the fold is ${own.balanceRoot}`];
      if (BigInt(own.sumWei) !== sumWei) return [`${about} promises ${sumWei} wei, the fold ${own.sumWei}`];
      if (BigInt(own.creditedWei) !== creditedWei)
        return [`${about} knows ${creditedWei} wei, the log ${own.creditedWei}`];
      return [];
    });
  }

  /** What the contract is to pay for zkProofs is what the log says: a set beside it would lock up or take money. */
  #setFlaws(found: CommittedSet[]): string[] {
    return found.flatMap(({ setId, itemsRoot, totalWei }) => {
      const own = this.#sets.get(setId);
      if (own?.setRoot === itemsRoot && BigInt(own.totalWei) === totalWei) return [];
      return [`the chain has the job set ${setId} of ${totalWei} wei under ${itemsRoot}, which the log did not commit`];
    });
  }

  #depositFlaws(found: FoundDeposit[], blockNumber: number): string[] {
    const byStart = new Map(found.map((one) => [one.startWei, one]));
    return this.#deposits.flatMap(({ account, amountWei, chain }) => {
      if (chain!.blockNumber > blockNumber) return [];
      const one = byStart.get(chain!.startWei);
      if (one?.account === account && one.amountWei === BigInt(amountWei)) return [];
      return [`the log credits ${amountWei} wei to ${account} at ${chain!.startWei}, which the chain does not have`];
    });
  }
}

/** The contract holds what it owes, and nobody was paid more than the log let it have. */
async function moneyFlaws(
  client: PublicClient,
  { contract, token }: ChainTerms,
  state: MarketState,
  blockNumber: number,
): Promise<string[]> {
  const at = { address: contract, abi: SETTLEMENT_ABI, blockNumber: BigInt(blockNumber) };
  const read = { blockNumber: BigInt(blockNumber) };
  const heldWei = token
    ? await client.readContract({ address: token, abi: erc20Abi, functionName: 'balanceOf', args: [contract], ...read })
    : await client.getBalance({ address: contract, ...read });
  const flaws: string[] = [];
  let owedWei = 0n;
  for (const [account, entitledWei] of entitlementsOf(state)) {
    const paidWei = await client.readContract({ ...at, functionName: 'withdrawnWei', args: [account] });
    if (paidWei > entitledWei) flaws.push(`${account} was paid ${paidWei} wei, the log entitles it to ${entitledWei}`);
    owedWei += entitledWei - paidWei;
  }
  for (const payee of payeesOf(state)) {
    const [earnedWei, paidWei] = await client.readContract({ ...at, functionName: 'earnings', args: [payee] });
    owedWei += earnedWei - paidWei;
  }
  if (heldWei < owedWei) flaws.push(`the contract holds ${heldWei} wei and owes ${owedWei}`);
  return flaws;
}

function payeesOf(state: MarketState): Set<Address> {
  return new Set([...state.provers.keys()]);
}
