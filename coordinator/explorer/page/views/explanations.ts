import type { Explanation, UnmetDemand } from '#protocol/explanations.js';
import { formatMoney } from '../parts/money.js';
import { clockTime, duration } from '../parts/time.js';
import type { RoundDetail } from './roundPage.js';

type Cleared = NonNullable<RoundDetail['cleared']>;

/** What became of a prover's bid and why, as a sentence. Explanations stand in the order of the bids. */
export function explanationOf({ bids, explanations }: Cleared, prover: string): string {
  const found = explanations[bids.findIndex(({ message }) => message.prover === prover)];
  return found ? explain(found) : '–';
}

/** What an award lacks of what the requester asked for. */
export const UNMET: Record<UnmetDemand, string> = {
  backup: 'a backup',
  success: 'the chance of success asked for',
  ownerShare: 'the limit for one owner',
  establishedBackup: 'an established backup behind a newcomer',
};

const INELIGIBLE = {
  notAllowed: 'its owner is not among those that the requester allows',
  belowScoreLine: 'its score is below the line',
  notChallenged: 'it has not proven a challenge job yet',
};

function explain(one: Explanation): string {
  switch (one.code) {
    case 'wonPrimary':
      return `won: primary of ${jobs(one.primaryJobs)}`;
    case 'wonBackup':
      return `won: backup of ${jobs(one.backupJobs)}`;
    case 'wonBoth':
      return `won: primary of ${jobs(one.primaryJobs)}, backup of ${jobs(one.backupJobs)}`;
    case 'ineligible':
      return `may not win: ${INELIGIBLE[one.why]}`;
    case 'expired':
      return `expired ${clockTime(one.expiresAtMs)}, before the window closed ${clockTime(one.closesAtMs)}`;
    case 'aboveMaxPrice':
      return `its price ${formatMoney(one.priceWei)} is above the max price ${formatMoney(one.maxPriceWei)}`;
    case 'notInTime':
      return `would be done ${clockTime(one.finishMs)}, ${duration(one.finishMs - one.dueMs)} too late`;
    case 'noBond':
      return `has ${formatMoney(one.hasWei)} free of the ${formatMoney(one.needsWei)} that the bond may take`;
    case 'newcomerHolds':
      return `is a newcomer, which holds one job at a time, and holds ${one.heldJobs}`;
    case 'shareCap':
      return `its owner has ${one.ownerJobs} of the ${jobs(one.capJobs)} that one owner may win`;
    case 'demandUnmet':
      return `with it the award would lack ${one.unmet.map((demand) => UNMET[demand]).join(', ')}`;
    case 'outbid':
      return `outbid as ${one.seat} by ${formatMoney(one.byWei)}`;
    case 'slower':
      return `would be done ${clockTime(one.finishMs)}, ${duration(one.finishMs - one.slowestMs)} after the slowest winner`;
    case 'notWorthIt':
      return `would be expected to cost ${formatMoney(one.costWei)}, more than a missed job: ${formatMoney(one.missCostWei)}`;
    default:
      one satisfies never;
      return (one as { code: string }).code;
  }
}

const jobs = (count: number) => `${count} ${count === 1 ? 'job' : 'jobs'}`;
