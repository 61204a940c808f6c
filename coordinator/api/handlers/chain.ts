import { treeOver } from '#market/balanceRoot.js';
import type { BalanceRoot } from '#market/settlement.js';
import { entitlementOf, leafIndexOf, packedTreeSiblings } from '#protocol/packedBalanceTree.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import { Refused, refuse } from '../refused.js';

type ChainRoutes = 'getChain' | 'requestWithdrawal' | 'getVoucher' | 'getEntitlement';

/** The money on the chain: how it stands, and how it gets out. */
export function chainHandlers({ journal, settlement: desk }: ApiDeps, commands: Commands): Handlers<ChainRoutes> {
  const settlementOf = () => journal.state().settlement;
  return {
    getChain: async () => {
      const settlement = settlementOf();
      if (!settlement) return refuse('noChain');
      const { terms, depositedWei, committedWei, computed, posted, sets } = settlement;
      const status = desk?.status();
      return {
        ...terms,
        depositedWei: depositedWei.toString(),
        committedWei: committedWei.toString(),
        computed: computed && rootView(computed),
        posted: posted && rootView(posted),
        openSets: sets.size,
        headBlock: status?.lookedAtMs ? status.headBlock : null,
        haltedReason: status?.haltedReason?.slice(0, 512) ?? null,
        failure: status ? (status.failure?.slice(0, 2_048) ?? null) : 'this coordinator was started without --chain',
        lookedAtMs: status?.lookedAtMs ?? null,
      };
    },

    requestWithdrawal: async ({ body: { message, signature } }) => {
      const cheapNo = settlementOf() ? null : refuse('noChain');
      const checked = await commands.check('Withdrawal', { message, signature }, message.account, cheapNo);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      return await commands.execute({ kind: 'requestWithdrawal', message, signature, digest }, digest);
    },

    getVoucher: async ({ params: { account } }) => {
      const settlement = settlementOf();
      if (!settlement) return refuse('noChain');
      const voucher = await desk?.voucher(account);
      if (!voucher) return refuse('chainHalted', desk?.status().haltedReason ?? 'the chain has not been looked at yet');
      const requestedWei = settlement.withdrawn.get(account) ?? 0n;
      return {
        account,
        requestedWei: requestedWei.toString(),
        cumulativeWei: voucher.cumulativeWei.toString(),
        signature: voucher.signature,
      };
    },

    getEntitlement: async ({ params: { account } }) => {
      const posted = settlementOf()?.posted;
      if (!settlementOf()) return refuse('noChain');
      const index = posted ? leafIndexOf(posted.entitlements, account) : -1;
      if (!posted || index < 0) return refuse('notFound', 'no posted root has this account');
      const cumulativeWei = entitlementOf(posted.entitlements, account);
      const siblings = packedTreeSiblings(treeOver(posted.entitlements), index);
      return {
        epoch: posted.epoch,
        account,
        cumulativeWei: cumulativeWei.toString(),
        index,
        siblings: siblings.map(({ hash, sumWei }) => ({ hash, sumWei: sumWei.toString() })),
      };
    },
  };
}

function rootView({ epoch, balanceRoot, sumWei, creditedWei, treeSize, computedAtMs }: BalanceRoot) {
  return {
    epoch,
    balanceRoot,
    sumWei: sumWei.toString(),
    creditedWei: creditedWei.toString(),
    treeSize,
    computedAtMs,
  };
}
