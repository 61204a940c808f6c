import { isReceiptSigned } from '#protocol/bidReceipt.js';
import type { BidReceipt } from '#protocol/views.js';
import { quickEd25519 } from '../client/quickEd25519.js';
import type { Session } from '../client/session.js';
import type { AgentLog } from '../log.js';
import { Bidder, type BidderOptions } from './bidder.js';
import { BidOpener } from './bidOpener.js';
import { ReceiptFile } from './receiptFile.js';
import { UnopenedBids } from './unopenedBids.js';

/**
 * Makes what bids and what opens bids, over the files that both need, and takes up the bids that an earlier life of this
 * agent has committed to. Throws when those cannot be read.
 */
export function openBidding(
  options: Omit<BidderOptions, 'unopened' | 'bidBefore' | 'onCommitted' | 'onReceipt'>,
  paths: { unopenedBids: string; receipts: string },
): { bidder: Bidder; opener: BidOpener } {
  const { session, log, signal } = options;
  const unopened = new UnopenedBids(paths.unopenedBids);
  const receipts = new ReceiptFile(paths.receipts);
  const onReceipt = (receipt: BidReceipt) => keepReceipt(session, receipts, receipt, log);
  const opener = new BidOpener({ session, unopened, log, signal, onReceipt });
  const onCommitted = (roundId: string) => opener.watch(roundId);
  opener.resume();
  const bidBefore = receipts.newestRounds();
  return { bidder: new Bidder({ ...options, unopened, bidBefore, onCommitted, onReceipt }), opener };
}

/** Keeps a receipt; one that the key of its log has not signed is kept too, and said to be worth nothing. */
function keepReceipt(session: Session, receipts: ReceiptFile, receipt: BidReceipt, log: AgentLog): void {
  const { origin, roundId, prover, commitment, type, firstIndex: entryIndex, atMs, receiptSignature } = receipt;
  const kept = { origin, type, roundId, prover, commitment, entryIndex, atMs, receiptSignature };
  if (!receipts.add(kept)) log('receiptNotKept', { roundId, entryIndex });
  const judge = (logKey: string | undefined) => {
    if (!logKey || !isReceiptSigned(kept, logKey, quickEd25519)) log('receiptUnsigned', { roundId, entryIndex });
  };
  const { market } = session;
  if (origin === market.origin) {
    judge(market.logKey);
    return;
  }
  // The market has gone on in another log since this agent began.
  void session
    .logWhere((one) => one.origin === origin)
    .then(
      (found) => judge(found?.logKey),
      () => undefined,
    );
}
