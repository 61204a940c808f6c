import type { EntryType } from '#protocol/entries.js';

/** What each entry says has happened, in a few words. The types ask for every one of them. */
export const ENTRY_TITLES: Record<EntryType, string> = {
  marketOpened: 'the market opened',
  parametersSet: 'the parameters were changed',
  circuitRegistered: 'a circuit was registered',
  deposited: 'money came in',
  proverRegistered: 'a prover registered',
  challengeIssued: 'a challenge job was drawn',
  challengeReceived: 'a challenge’s zkProof came in',
  challengePassed: 'a challenge was passed',
  challengeFailed: 'a challenge was failed',
  blockSubmitted: 'a block was submitted',
  blockWithdrawn: 'a block was withdrawn',
  roundOpened: 'a round opened',
  bidPlaced: 'a sealed bid came in',
  bidCommitted: 'a commitment to a bid came in',
  bidsSealed: 'the commitments are complete',
  bidOpened: 'a bid was opened',
  roundCleared: 'a round was cleared',
  jobsEscalated: 'unsold jobs went on',
  poolOpened: 'a job went to the pool',
  poolCommitted: 'a commitment to a job of the pool came in',
  leaseMissed: 'a prover fell silent',
  inputRefused: 'an input could not be served',
  inputServed: 'an input was served after all',
  gaveUp: 'a prover gave up',
  witnessChecked: 'an input was tried for a witness',
  backupActivated: 'a backup was called',
  proofReceived: 'a zkProof came in',
  proofAccepted: 'a zkProof was accepted',
  proofRejected: 'a zkProof was rejected',
  jobExpired: 'a job expired',
  blockCompleted: 'a block was completed',
  coordinatorStarted: 'the coordinator started',
  logClosed: 'log closed',
  logOpened: 'next log opened',
  chainAttached: 'the market was bound to a contract',
  withdrawalRequested: 'money was taken out, to be paid on chain',
  balanceRootComputed: 'the balances were summed up for the chain',
  rootPosted: 'the sum of the balances stands on chain',
  jobSetCommitted: 'jobs were committed to for settlement on chain',
  jobSetSettled: 'jobs were settled on chain',
};

/** What an entry says has happened; a newer market may have types that this page does not know. */
export function entryTitle(type: string): string {
  return Object.hasOwn(ENTRY_TITLES, type) ? ENTRY_TITLES[type as EntryType] : 'of a type that this page does not know';
}
