/**
 * Every "no" that a party can get, in one table: its HTTP status and a sentence that says what to do. Routes, docs and
 * tests read this table; a rejection adds the figures of its case as `detail`.
 */

export const REJECTIONS = {
  badRequest: [400, 'The request does not have the expected shape; correct the named field and send it again.'],
  notFound: [404, 'There is nothing under this address; check the id.'],
  bodyTooLarge: [413, 'The body is larger than this route takes; see the limit in the OpenAPI document.'],
  unsupportedMediaType: [415, 'Send the body as application/json.'],
  tooManyRequests: [429, 'Too many requests; wait for the time given in retry-after.'],
  internal: [500, 'The coordinator failed; nothing was changed. Send the same message again.'],
  unavailable: [503, 'The coordinator cannot answer right now; send the same message again in a moment.'],

  badSignature: [401, 'The signature is not from the account that the message names, under this market’s domain.'],
  highSSignature: [401, 'The signature has s in the upper half; sign with a library that produces low-s signatures.'],
  notLoggedIn: [401, 'This needs a token; log in with a message by EIP-4361 first.'],
  loginExpired: [401, 'The login message or token has expired; log in again.'],
  messageExpired: [410, 'The message has expired; sign a new one.'],
  messageFromFuture: [422, 'The message is dated in the future; check the clock of the machine that signs.'],

  faucetClosed: [403, 'This market has no faucet; deposits come from the chain.'],
  faucetLimit: [422, 'The faucet gives at most its limit at a time; ask for less.'],
  insufficientFunds: [402, 'The account does not hold enough free money; deposit more or ask for less.'],

  noChain: [403, 'This market holds demo money and has no chain.'],
  chainRefused: [409, 'The market cannot be bound to this contract; see the detail.'],
  chainHalted: [503, 'The chain contradicts the ledger, and vouchers are not given until its operator has looked.'],
  depositGap: [409, 'A deposit before this one is missing; read the contract’s deposits again.'],
  alreadyWithdrawn: [
    409,
    'The sum over all time is not above what was withdrawn; see the detail and sign a higher one.',
  ],

  unknownCircuit: [404, 'No circuit with this id is registered; register it or check the id.'],
  circuitExists: [409, 'A circuit with this verification key is registered already; use it.'],
  tooManyCircuits: [403, 'This market takes no further circuits; ask its operator.'],
  invalidVerificationKey: [422, 'The verification key is not safe to use; see the detail and make a new one.'],
  artifactTooLarge: [413, 'The file is larger than this coordinator takes; see the detail.'],
  tooManyUploads: [429, 'Too much is being uploaded and not registered; register it, or try again later.'],
  uploadOffset: [409, 'The piece does not go on where the last one ended; continue at the offset in the detail.'],
  artifactHashMismatch: [422, 'What was uploaded has another hash, and is dropped; upload the file again.'],
  artifactMissing: [409, 'A file of the circuit is not here; upload it, then send the same message again.'],
  circuitMismatch: [422, 'The files of the circuit do not belong together; see the detail.'],

  unknownProver: [403, 'This prover is not registered; register it with its owner first.'],
  ownerSignatureMissing: [401, 'The owner differs from the prover and must sign the registration too.'],
  keyInUse: [
    409,
    'Another agent works for this prover; stop it, or announce that this one takes over. See the detail.',
  ],
  proverOwned: [409, 'This prover is registered under another owner, and a prover cannot change its owner.'],

  challengeNeeded: [403, 'This prover must prove a challenge job of the circuit first; ask for one.'],
  challengeNotNeeded: [409, 'This prover needs no challenge for the circuit; bid.'],
  challengeOpen: [409, 'The last challenge is not over yet; deliver it, or ask again after the time in the detail.'],
  challengeOver: [409, 'There is no such open challenge; ask for another one.'],

  unknownBlock: [404, 'No block with this id is open; it is complete, or the id is wrong.'],
  notRequester: [403, 'Only the requester of a block can withdraw it.'],
  nothingToWithdraw: [409, 'Nothing of this block can be withdrawn any more: see the detail.'],
  duplicateBlock: [409, 'The nonce is not above the last one of this requester; sign again with a higher nonce.'],
  blockHashMismatch: [422, 'The block file is not the one whose hash was signed.'],
  invalidBlock: [422, 'The block cannot be proven as it stands; correct the named transfer.'],
  tooManyJobs: [422, 'The block has more jobs than a block may have; split it.'],
  deadlinePassed: [422, 'The deadline is in the past; choose a later one.'],
  deadlineTooNear: [422, 'The deadline leaves no time to bid and prove; choose a later one.'],
  deadlineTooFar: [422, 'The deadline is more than thirty days away; choose an earlier one.'],
  bidWindow: [422, 'The bid window is outside the bounds of the market parameters.'],
  badSchedule: [
    422,
    'The schedule needs a window and a price for each round, prices that never fall, and the max price as its last.',
  ],
  zeroMaxPrice: [422, 'A max price of zero buys nothing; choose a positive one.'],
  unsupportedPolicy: [
    422,
    'The policy combines settings that have no rule: award "fastest" goes with pricing "first".',
  ],

  unknownRound: [404, 'There is no such round; read the open rounds again.'],
  roundClosed: [409, 'The round is closed; bid in the next one.'],
  wrongSealing: [
    422,
    'This round is sealed the other way: where sealing is "receipt" place the bid, where it is "commitReveal" commit to it.',
  ],
  notSealed: [409, 'The round still takes commitments; open the bid once the log has its bidsSealed.'],
  notCommitted: [422, 'This is not the bid whose digest counts for this prover; open the one that was committed to.'],
  revealClosed: [409, 'The time to open bids is over; the deposit of an unopened bid is forfeited.'],
  roundFull: [429, 'The round has as many bids as it takes; bid in the next one.'],
  aboveMaxPrice: [422, 'The price is above the max price of the round; bid at or under it.'],
  bidExpired: [422, 'The bid expires before the round closes; sign one that lives longer.'],

  unknownJob: [404, 'There is no such job; check the id.'],
  notAssigned: [403, 'This prover holds no assignment for the job.'],
  notEligible: [403, 'This prover may not take part in this; see the detail.'],
  poolClosed: [409, 'The job is not in the pool; wait for its poolOpened on the feed.'],
  poolFull: [429, 'As many commitments to the job wait for their zkProofs as may; send the same message again soon.'],
  poolFailures: [403, 'This prover has forfeited as many commitments to the job as it may; leave it to others.'],
  commitPending: [409, 'This prover has a commitment to the job already; submit its zkProof.'],
  noPoolCommitment: [409, 'A zkProof for the pool counts only for who has committed to it before; commit first.'],
  revealTooLate: [410, 'The time to submit the zkProof of this commitment is over; commit to another one.'],
  notActivated: [409, 'The backup has not been activated; wait for the activation or for the end of the job.'],
  jobEnded: [409, 'The job has ended; drop it.'],
  invalidZkProof: [422, 'The zkProof is not in canonical form; see the detail.'],
  signalsMismatch: [
    422,
    'The public signals are not those of the job; a zkProof of another statement is worth nothing here.',
  ],
  contentHashMismatch: [422, 'The signed content hash is not that of the zkProof and public signals sent.'],
  tooManyInvalid: [429, 'This assignment has used up its invalid zkProofs; the backup has taken over.'],
  submissionPending: [409, 'A zkProof of this prover for the job is being checked; wait for the verdict.'],
} as const satisfies Record<string, readonly [status: number, sentence: string]>;

export type RejectionCode = keyof typeof REJECTIONS;

/** An expected no: a returned value, never thrown by the rules. */
export interface Rejection {
  code: RejectionCode;
  /** The figures of this case, in a sentence; empty when the code says it all. */
  detail: string;
}

/** Makes a rejection. */
export function reject(code: RejectionCode, detail = ''): { ok: false; rejection: Rejection } {
  return { ok: false, rejection: { code, detail } };
}
