import type { AgentEvent } from './agentStatus.js';
import { spanText, weiText } from './amounts.js';

/** Says in a few words what became of a bid, or why there was none. */
export function tellBid(event: AgentEvent): string {
  const code = String(event.code);
  const said = String(event.detail ?? event.reason ?? '');
  const tell = Object.hasOwn(TELLERS, code) ? TELLERS[code] : undefined;
  try {
    return tell ? tell(event) : said;
  } catch {
    // A line of another version may lack a figure.
    return said;
  }
}

/** Codes of a bid's result, as ARCHITECTURE.md, "Clearing", explains them. */
const TELLERS: Record<string, (event: AgentEvent) => string> = {
  ineligible: ({ why }) => `the market does not let this prover win: ${why}`,
  aboveMaxPrice: ({ priceWei, maxPriceWei, costWei }) =>
    `asks ${weiText(String(priceWei))}${costWei === undefined ? '' : ` (cost ${weiText(String(costWei))})`}, the round pays ${weiText(String(maxPriceWei))}`,
  noBond: ({ needsWei, hasWei }) => `a bond may need ${weiText(String(needsWei))}, ${weiText(String(hasWei))} are free`,
  bondAtRisk: ({ atRiskWei, bondWei, maxBondWei }) =>
    `${weiText(String(atRiskWei))} at risk, a job may take ${weiText(String(bondWei))} more, at most ${weiText(String(maxBondWei))} may be`,
  tooLittleTime: ({ promisedMs, committedMs, leftMs }) =>
    `${spanText(Number(promisedMs))} a job, behind ${spanText(Number(committedMs))}, do not fit into ${spanText(Number(leftMs))}`,
  withdrawn: () => 'the requester has withdrawn the block',
  expired: () => 'the bid had expired before the window closed',
  notInTime: ({ finishMs, dueMs }) => `would have been done ${spanText(Number(finishMs) - Number(dueMs))} too late`,
  newcomerHolds: ({ heldJobs }) => `a newcomer holds one job at a time, and this one holds ${heldJobs}`,
  shareCap: ({ ownerJobs, capJobs }) => `its owner has ${ownerJobs} of at most ${capJobs} jobs of the round`,
  demandUnmet: ({ unmet }) => `others meet what the requester demands: ${(unmet as string[] | undefined)?.join(', ')}`,
  outbid: ({ seat, byWei }) => `too dear as ${seat} by ${weiText(String(byWei))}`,
  slower: ({ finishMs, slowestMs }) => `slower than all winners by ${spanText(Number(finishMs) - Number(slowestMs))}`,
  notWorthIt: ({ costWei, missCostWei }) =>
    `would cost ${weiText(String(costWei))}, a miss costs the requester ${weiText(String(missCostWei))}`,
};
