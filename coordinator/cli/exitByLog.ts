/** Leaving a market without its coordinator: what the last root entitles an account to follows from the log alone. */
import { encodeFunctionData, type PrivateKeyAccount } from 'viem';
import { evolve } from '#market/evolve.js';
import { entitlementsOf } from '#market/settlement.js';
import { emptyState, forgetCompleted, type MarketState } from '#market/state.js';
import type { ChainTerms } from '#protocol/chainEntries.js';
import { parseEntry } from '#protocol/entries.js';
import {
  entitlementOf,
  leafIndexOf,
  packEntitlements,
  packedBalanceTree,
  packedTreeRoot,
  packedTreeSiblings,
} from '#protocol/packedBalanceTree.js';
import type { Address } from '#protocol/units.js';
import type { ChainClient } from '#settlement/chainClient.js';
import { ContractRefusalError } from '#settlement/contractRefusal.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { LogReader } from '#settlement/logReader.js';
import { amountText, readMoneyUnit } from '#settlement/moneyUnit.js';
import { sendAs } from '#settlement/sendAs.js';
import { folderTileSource } from '../auditor/folderTileSource.js';
import { tileLogSource } from '../auditor/tileLogSource.js';
import { LOG_PAGE, type LogSource } from '../auditor/walkLog.js';
import { pauseBetweenLooks } from './chainKeyFile.js';

/**
 * Takes out of the contract all that is the account's: its entitlement in the last root, deposits that the root does not
 * hold, and what zkProofs have earned it.
 *
 * @param folder - the log, as `understudy export` wrote it
 * @param key - who sends and pays for gas
 * @param options.account - who is paid; the sender unless given
 * @param options.pause - between two looks for a transaction
 */
export async function exitByLog(
  folder: string,
  chain: ChainClient,
  key: PrivateKeyAccount & { address: Address },
  say: (line: string) => void,
  { account = key.address, pause = pauseBetweenLooks }: { account?: Address; pause?: () => Promise<void> } = {},
): Promise<void> {
  const source = tileLogSource(folderTileSource(folder));
  await source.checkpoint();
  const { contract, deployBlock, token } = await contractOf(source);
  const at = { address: contract, abi: SETTLEMENT_ABI };
  const { hasBegun, root, blockNumber, unit } = await chain.use(async (client) => ({
    hasBegun: await client.readContract({ ...at, functionName: 'exitBegun' }),
    root: await client.readContract({ ...at, functionName: 'latestRoot' }),
    blockNumber: Number(await client.getBlockNumber()),
    unit: await readMoneyUnit(client, token),
  }));
  if (!hasBegun) throw new Error('exit has not begun: the coordinator still posts roots, so ask it for a voucher');
  const send = (functionName: string, args: readonly unknown[]) => {
    const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName, args } as never);
    return sendAs(chain, key, { to: contract, data }, pause);
  };
  const paidWei = await chain.use((client) =>
    client.readContract({ ...at, functionName: 'withdrawnWei', args: [account] }),
  );
  const claim = root.treeSize > 0n ? await claimOf(source, Number(root.treeSize), root.balanceRoot, account) : null;
  if (claim && claim.cumulativeWei > paidWei) {
    await send('claim', [account, claim.cumulativeWei, BigInt(claim.index), claim.siblings]);
    say(`paid by the last root: ${amountText(claim.cumulativeWei - paidWei, unit)}`);
  } else say('the last root entitles this account to nothing that it has not been paid');
  const reader = new LogReader();
  for (let from = deployBlock; from <= blockNumber; ) {
    const { deposits, to } = await chain.use((client) => reader.deposits(client, contract, from, blockNumber));
    for (const { account: depositor, startWei, amountWei } of deposits) {
      if (depositor !== account || BigInt(startWei) + amountWei <= root.creditedWei) continue;
      const isBack = await send('refundDeposit', [account, BigInt(startWei), amountWei]).then(
        () => true,
        (error: unknown) => {
          if (error instanceof ContractRefusalError && error.refusal === 'NoSuchDeposit') return false;
          throw error;
        },
      );
      const fromWei = BigInt(startWei) > root.creditedWei ? BigInt(startWei) : root.creditedWei;
      const amount = amountText(BigInt(startWei) + amountWei - fromWei, unit);
      say(isBack ? `what the root does not hold of a deposit came back: ${amount}` : 'a deposit came back before');
    }
    from = to + 1;
  }
  const [earnedWei, earningsPaidWei] = await chain.use((client) =>
    client.readContract({ ...at, functionName: 'earnings', args: [account] }),
  );
  if (earnedWei > earningsPaidWei) {
    await send('payEarnings', [account]);
    say(`paid for zkProofs: ${amountText(earnedWei - earningsPaidWei, unit)}`);
  }
}

async function contractOf(source: LogSource): Promise<ChainTerms> {
  for (let from = 0; ; ) {
    const leaves = await source.entries(from, LOG_PAGE);
    if (leaves.length === 0) throw new Error('this log is of a market without a chain');
    for (const leaf of leaves) {
      const entry = parseEntry(JSON.parse(leaf));
      if (entry.type === 'chainAttached') return entry;
    }
    from += leaves.length;
  }
}

/** The account's entitlement with its inclusionProof, from the fold of the log at the root's tree size. */
async function claimOf(source: LogSource, treeSize: number, balanceRoot: string, account: Address) {
  const tree = packedBalanceTree(packEntitlements(entitlementsOf(await foldTo(source, treeSize))));
  if (packedTreeRoot(tree).hash !== balanceRoot) {
    throw new Error('the root on the chain is not that of this log: export the log that the root was posted for');
  }
  const index = leafIndexOf(tree.entitlements, account);
  if (index < 0) return null;
  const cumulativeWei = entitlementOf(tree.entitlements, account);
  return { index, cumulativeWei, siblings: packedTreeSiblings(tree, index) };
}

/** The market as it stood after so many entries. */
async function foldTo(source: LogSource, treeSize: number): Promise<MarketState> {
  const state = emptyState();
  while (state.size < treeSize) {
    const leaves = await source.entries(state.size, Math.min(LOG_PAGE, treeSize - state.size));
    if (leaves.length === 0) throw new Error(`the log has ${state.size} entries, the root is of ${treeSize}`);
    for (const leaf of leaves) {
      const entry = parseEntry(JSON.parse(leaf));
      evolve(state, entry);
      if (entry.type === 'blockCompleted') forgetCompleted(state, entry.blockId);
    }
  }
  return state;
}
