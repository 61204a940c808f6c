/**
 * Who is paid what for a block, worked out from its awards and from what happened, in a few lines and without the
 * market's own code for payouts: the second opinion on the ledger.
 */
import type { Award, DeliveryRole, Entry } from '#protocol/entries.js';
import type { Parameters } from '#protocol/parameters.js';

/** What happened to one job, as far as money depends on it. */
interface Story {
  award: Award;
  isActivated: boolean;
  /** The backup was called for no fault of the primary's, which was then late from its due time on. */
  isByTime: boolean;
  receivedAtMs: number;
  /** The backup was silent or gave up. */
  isBackupOut: boolean;
  deliveredBy: DeliveryRole | null;
}

const UNTOLD = { isActivated: false, isByTime: false, receivedAtMs: 0, isBackupOut: false, deliveredBy: null };

function storiesOf(entries: readonly Entry[]): Story[] {
  const stories = new Map<string, Story>();
  for (const entry of entries) {
    if (entry.type === 'roundCleared') {
      for (const award of entry.awards) {
        stories.set(award.jobId, { award, ...UNTOLD });
      }
    } else if (entry.type === 'backupActivated') {
      const isByTime = entry.cause === 'predictedMiss';
      Object.assign(stories.get(entry.jobId)!, { isActivated: true, isByTime });
    } else if (entry.type === 'proofReceived') stories.get(entry.message.jobId)!.receivedAtMs = entry.atMs;
    else if (entry.type === 'leaseMissed' && entry.role === 'backup') stories.get(entry.jobId)!.isBackupOut = true;
    else if (entry.type === 'gaveUp' && entry.role === 'backup') stories.get(entry.message.jobId)!.isBackupOut = true;
    else if (entry.type === 'proofAccepted') stories.get(entry.jobId)!.deliveredBy = entry.role;
  }
  return [...stories.values()];
}

/**
 * By how much each party's free money changes through a block whose awarded jobs were all proven.
 * @param requester - pays; escrow and refund cancel out
 */
export function expectedPayout(
  entries: readonly Entry[],
  requester: string,
  maxPriceWei: bigint,
  parameters: Parameters,
): Map<string, bigint> {
  const change = new Map<string, bigint>();
  const add = (account: string, wei: bigint) => change.set(account, (change.get(account) ?? 0n) + wei);
  const damageWei = (maxPriceWei * BigInt(parameters.lateDamageBps)) / 10_000n;
  const rescueWei = (damageWei * BigInt(parameters.slashRescuerBps)) / 10_000n;
  for (const { award, isActivated, isByTime, receivedAtMs, isBackupOut, deliveredBy } of storiesOf(entries)) {
    const { primary, backup } = award;
    const [priceWei, feeWei] = [BigInt(award.priceWei), BigInt(award.standbyFeeWei)];
    if (deliveredBy === 'primary') {
      const isLate = isActivated && !(isByTime && receivedAtMs < award.primaryDueMs);
      const lateWei = isLate ? (priceWei * BigInt(parameters.lateBps)) / 10_000n : 0n;
      const earnedFeeWei = isBackupOut ? 0n : feeWei;
      add(primary.prover, priceWei - lateWei);
      if (backup) add(backup.prover, lateWei + earnedFeeWei);
      add(requester, -priceWei - earnedFeeWei);
    } else if (deliveredBy === 'backup') {
      const coverWei = BigInt(backup!.priceBidWei);
      const dearerWei = coverWei > priceWei ? coverWei - priceWei : 0n;
      add(backup!.prover, coverWei + feeWei + rescueWei);
      add(primary.prover, -(dearerWei + feeWei + damageWei));
      add(requester, damageWei - rescueWei - (coverWei - dearerWei));
    } else throw new Error(`job ${award.jobId} was not proven`);
  }
  return change;
}
