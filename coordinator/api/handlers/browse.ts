import { PAGE_MAX } from '#protocol/views.js';
import type { ApiDeps } from '../apiDeps.js';
import { BrowseReads } from '../browseReads.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { refuse } from '../refused.js';

type BrowseRoutes = 'listProvers' | 'listJobBriefs' | 'listProverJobs' | 'listBlockRounds' | 'listBlockPostings';

const pageOf = ({
  before = Number.MAX_SAFE_INTEGER,
  limit = PAGE_MAX,
}: {
  before?: number | undefined;
  limit?: number | undefined;
}) => ({
  before,
  limit,
});

/** Reads for whoever looks at a market. */
export function browseHandlers({ pool }: ApiDeps, market: MarketReads): Handlers<BrowseRoutes> {
  const reads = new BrowseReads(pool, market);
  return {
    listProvers: async ({ query }) => ({ provers: await reads.provers(pageOf(query)) }),

    listJobBriefs: async ({ query }) => ({
      jobs: await reads.jobs(pageOf(query), query.requester ?? null),
    }),

    listProverJobs: async ({ params, query }) => ({
      jobs: await reads.jobsOf(params.address, pageOf(query)),
    }),

    listBlockRounds: async ({ params }) => {
      const rounds = await reads.roundsOf(params.blockId);
      return rounds ? { rounds } : refuse('notFound');
    },

    listBlockPostings: async ({ params }) => {
      const postings = await reads.postingsOf(params.blockId);
      return postings ? { postings } : refuse('notFound');
    },
  };
}
