import type { AgentEvent } from './agentStatus.js';

/** Says in a few words what became of a bid, or why there was none. */
export function tellBid(event: AgentEvent): string {
  const tell = TELLERS[String(event.code)];
  return tell ? tell(event) : String(event.detail ?? event.reason ?? '');
}

/** Codes of a bid's result, as ARCHITECTURE.md, "Clearing", explains them. */
const TELLERS: Record<string, (event: AgentEvent) => string> = {
  ineligible: ({ why }) => `the market does not let this prover win: ${why}`,
  expired: () => 'the bid had expired before the window closed',
  notInTime: ({ finishMs, dueMs }) => `would have been done ${seconds(Number(finishMs) - Number(dueMs))} too late`,
  newcomerHolds: ({ heldJobs }) => `a newcomer holds one job at a time, and this one holds ${heldJobs}`,
  shareCap: ({ ownerJobs, capJobs }) => `its owner has ${ownerJobs} of at most ${capJobs} jobs of the round`,
  demandUnmet: ({ unmet }) => `others meet what the requester demands: ${(unmet as string[] | undefined)?.join(', ')}`,
  outbid: ({ seat, byWei }) => `too dear as ${seat} by ${byWei} wei`,
  slower: ({ finishMs, slowestMs }) => `slower than all winners by ${seconds(Number(finishMs) - Number(slowestMs))}`,
  notWorthIt: ({ costWei, missCostWei }) => `would cost ${costWei} wei, a miss costs the requester ${missCostWei}`,
};

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
