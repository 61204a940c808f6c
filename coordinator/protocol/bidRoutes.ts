/** The routes by which provers bid: sealed bids with receipts, and commitments that are opened later. */
import { bidCommitmentSchema, bidSchema, signedSchema } from './messages.js';
import { route, SIGNATURE } from './route.js';
import { bidReceiptSchema } from './views.js';

export const BID_ROUTES = {
  placeBid: route({
    method: 'POST',
    path: '/v1/bids',
    summary: 'Places or replaces a sealed bid; the answer is a signed receipt.',
    body: signedSchema(bidSchema),
    response: bidReceiptSchema,
    rejections: [
      ...SIGNATURE,
      'unknownProver',
      'challengeNeeded',
      'unknownRound',
      'wrongSealing',
      'roundClosed',
      'roundFull',
      'aboveMaxPrice',
      'bidExpired',
    ],
  }),
  commitBid: route({
    method: 'POST',
    path: '/v1/bids/commitments',
    summary: 'Commits to a bid, or to another one, in a `commitReveal` round; the answer is a signed receipt.',
    body: signedSchema(bidCommitmentSchema),
    response: bidReceiptSchema,
    rejections: [
      ...SIGNATURE,
      'unknownProver',
      'challengeNeeded',
      'unknownRound',
      'wrongSealing',
      'roundClosed',
      'roundFull',
      'insufficientFunds',
    ],
  }),
  openBid: route({
    method: 'POST',
    path: '/v1/bids/openings',
    summary: 'Opens the bid that was committed to, once the commitments of its round are sealed.',
    body: signedSchema(bidSchema),
    response: bidReceiptSchema,
    rejections: [
      ...SIGNATURE,
      'unknownRound',
      'wrongSealing',
      'notSealed',
      'notCommitted',
      'revealClosed',
      'aboveMaxPrice',
    ],
  }),
} as const;
