import { scoreLineOf, scoreOf } from '#market/score.js';
import { parametersOf } from '#market/state.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { PAGE_MAX } from '#protocol/views.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { Refused, refuse, refuseField } from '../refused.js';

type AccountRoutes = 'getAccount' | 'listPostings' | 'requestDeposit' | 'registerProver' | 'listDues' | 'getScores';

/** Money, provers and what they hold. */
export function accountHandlers(deps: ApiDeps, reads: MarketReads, commands: Commands): Handlers<AccountRoutes> {
  return {
    getAccount: async ({ params }) => await reads.account(params.address),

    listPostings: async ({ params, query }) => ({
      postings: await reads.postings(params.address, query.before ?? Number.MAX_SAFE_INTEGER, query.limit ?? PAGE_MAX),
    }),

    listDues: async ({ params }) => ({ prover: params.address, jobs: await reads.dues(params.address) }),

    getScores: async ({ params: { address } }) => {
      const nowMs = deps.nowMs();
      const parameters = parametersOf(deps.journal.state());
      const records = await reads.records(address);
      const scores = records.map((record) => ({ circuitId: record.circuitId, ...scoreOf(record, parameters, nowMs) }));
      return { prover: address, nowMs, line: scoreLineOf(parameters), scores };
    },

    requestDeposit: async ({ body: { address, amountWei: amountText, reference } }) => {
      const amountWei = BigInt(amountText);
      if (!deps.journal.state().market?.faucet) return refuse('faucetClosed');
      if (amountWei === 0n) return refuseField('/amountWei', 'must be positive');
      if (amountWei > deps.faucetLimitWei) return refuse('faucetLimit', `the limit is ${deps.faucetLimitWei} wei`);
      // No message is signed here; this hash cannot be the digest of one, and parts accounts that use one reference.
      const digest = contentHashOf({ address, faucet: reference });
      return await commands.execute(
        { kind: 'deposit', account: address, amountWei, source: 'faucet', reference },
        digest,
      );
    },

    registerProver: async ({ body: { message, signature, ownerSignature } }) => {
      const checked = await commands.check('ProverRegistration', { message, signature }, message.prover, null);
      if (checked instanceof Refused) return checked;
      if (ownerSignature) {
        const byOwner = { message, signature: ownerSignature };
        const owned = await commands.check('ProverRegistration', byOwner, message.owner, null);
        if (owned instanceof Refused) return owned;
      }
      const { digest } = checked;
      return await commands.execute({ kind: 'registerProver', message, signature, digest, ownerSignature }, digest);
    },
  };
}
