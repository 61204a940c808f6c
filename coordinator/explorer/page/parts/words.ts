/** The protocol's codes in plain words. A code that is not here is shown as it is. */

const WORDS: Record<string, string> = {
  open: 'taking bids',
  pooled: 'in the pool',
  withdrawn: 'its requester withdrew it',
  predecessorExpired: 'a job that had to come first expired',
  readyTooLate: 'the jobs before it left too little time to auction it',
  noPoolCommit: 'nobody committed to it in the pool',
  noPoolReveal: 'no commitment of the pool was revealed',
  noPoolProof: 'no zkProof of the pool was valid',
  unsold: 'nobody bought it',
  sidesSpent: 'primary and backup have both failed',
  awarded: 'being proven',
  proven: 'proven',
  expired: 'expired',
  completed: 'completed',
  standby: 'standing by',
  active: 'proving',
  gaveUp: 'gave up',
  shutdown: 'its agent shuts down',
  overloaded: 'it had too much to do',
  artifactUnavailable: 'it could not get the circuit’s files',
  inputUnavailable: 'it could not get the input',
  witnessFailed: 'it found no witness',
  provingFailed: 'its prover failed',
  stall: 'after a stall',
  start: 'after a start',
  primary: 'primary',
  backup: 'backup',
  pool: 'pool',
  noBids: 'nobody bid',
  allAboveMaxPrice: 'all bids were above the max price',
  noCapacity: 'all bidders had as many jobs as they wanted',
  noneInTime: 'no bidder could be in time',
  noBond: 'no bidder had enough free money for the bond',
  noneEligible: 'no bidder was eligible',
  unsatisfiable: 'the statement has no witness: no prover is at fault',
  predictedMiss: 'the primary’s own forecast was too late',
  bidDeposit: 'deposit of a bid',
  bidDepositReturned: 'deposit of a bid given back',
  bidForfeited: 'forfeited by a bid that was not opened',
  withdrawal: 'taken out, to be paid on chain',
  jobSet: 'set of jobs that is settled on chain',
  receipt: 'receipt: the coordinator keeps them until the clearing',
  commitReveal: 'commitment: opened when all are in the log',
  inputNotServed: 'its input was not served',
  notWorthIt: 'every option cost more than a missed deadline',
  deadlinePassed: 'nobody delivered before the deadline',
  startTime: 'at its start time',
  leaseMissed: 'the primary fell silent',
  invalidZkProof: 'the primary’s zkProof was invalid',
  deposit: 'deposit',
  escrow: 'set aside by the requester',
  bondLocked: 'bond locked',
  bondReleased: 'bond given back',
  price: 'price of a proof',
  standbyFee: 'standby fee',
  cover: 'dearer cover, from the primary’s bond',
  lateShare: 'late share of the price',
  slashToRescuer: 'slashed, to the rescuer',
  slashToRequester: 'slashed, to the requester',
  refund: 'given back to the requester',
  cheapest: 'cheapest',
  fastest: 'fastest',
  vickrey: 'what one’s absence would have cost',
  first: 'one’s own bid',
  market: 'where it is worth its price',
  required: 'always',
  none: 'never',
};

/** Why a backup was called. */
const CAUSES: Record<string, string> = { gaveUp: 'the primary gave up' };

/** Whether unsold and failed jobs go to the pool. */
const POOL: Record<string, string> = { open: 'open to everybody when a job fails or stays unsold', none: 'none' };

/** Says in words why a backup was called. */
export function causeInWords(cause: string): string {
  return CAUSES[cause] ?? inWords(cause);
}

/** Says in words what the requester wants of the pool. */
export function poolInWords(pool: string): string {
  return POOL[pool] ?? inWords(pool);
}

/** Says a code in words; an unknown one is taken apart at its capitals. */
export function inWords(code: string): string {
  return WORDS[code] ?? code.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}
