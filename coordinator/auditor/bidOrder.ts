/** Which bids a clearing must publish, and in which order. */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { EntryOf } from '#protocol/entries.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Address } from '#protocol/units.js';
import type { BidFinding, RoundLedger } from './bidEvidence.js';

/** What is wrong with the list of bids that a clearing publishes, beside the bids themselves. */
export function bidOrderFlaws(
  { sealing, commitments, opened }: RoundLedger,
  { bids, tieSeed }: EntryOf<'roundCleared'>,
): Pick<BidFinding, 'misdeed' | 'prover' | 'explanation'>[] {
  const flaws: Pick<BidFinding, 'misdeed' | 'prover' | 'explanation'>[] = [];
  const wanted = [...commitments.keys()].filter((prover) => sealing === 'receipt' || opened.has(prover));
  const published = bids.map(({ message }) => message.prover);
  for (const prover of wanted) {
    if (published.includes(prover)) continue;
    flaws.push({
      misdeed: 'dropped',
      prover,
      explanation: 'its commitment counts, and its bid is not in the clearing',
    });
  }
  for (const [at, prover] of published.entries()) {
    if (published.indexOf(prover) < at) {
      flaws.push({ misdeed: 'added', prover, explanation: 'the clearing has a second bid of this prover' });
    } else if (sealing === 'commitReveal' && commitments.has(prover) && !opened.has(prover)) {
      flaws.push({ misdeed: 'added', prover, explanation: 'the clearing has a bid that was never opened' });
    }
  }
  if (flaws.length > 0) return flaws;
  const moved = firstMoved(wanted, published);
  if (moved) {
    flaws.push({ misdeed: 'reordered', prover: moved, explanation: 'the clearing has the bids in another order' });
  }
  const seed = `0x${bytesToHex(sha256Bytes(...[...commitments.values()].map((one) => hexToBytes(one.slice(2)))))}`;
  if (seed !== tieSeed && !moved) {
    const explanation = `the tie seed is ${tieSeed}, that of the commitments in their order is ${seed}`;
    flaws.push({ misdeed: 'reordered', prover: null, explanation });
  }
  return flaws;
}

/** The first prover that stands elsewhere than it should, among those that stand in both lists. */
function firstMoved(wanted: readonly Address[], published: readonly Address[]): Address | null {
  const common = published.filter((prover) => wanted.includes(prover));
  return common.find((prover, at) => wanted[at] !== prover) ?? null;
}
