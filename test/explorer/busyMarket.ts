/** A market in which a little of everything has happened, for the pages that show it. */
import type { Address, Hex } from '#protocol/units.js';
import type { ApiMarket } from '../setup/apiMarket.js';
import { ETH, type Party, party } from '../setup/marketDriver.js';

const GWEI = 10n ** 9n;

/** What the provers of this market ask for and promise. The last one is always late and gives up. */
const PROVERS = [
  { seed: 20, priceWei: 61_200n * GWEI, standbyWei: 3_100n * GWEI, provingMsP95: 9_000 },
  { seed: 21, priceWei: 66_750n * GWEI, standbyWei: 2_400n * GWEI, provingMsP95: 5_500 },
  { seed: 22, priceWei: 74_900n * GWEI, standbyWei: 4_000n * GWEI, provingMsP95: 3_000 },
  { seed: 23, priceWei: 58_000n * GWEI, standbyWei: 5_200n * GWEI, provingMsP95: 14_000 },
];

export interface BusyMarket {
  requester: Party;
  provers: Map<Address, Party>;
  /** A block whose jobs were all proven, one of them by the backup. */
  provenBlockId: Hex;
  /** A block whose round takes bids. */
  openBlockId: Hex;
  openRoundId: string;
}

/** Lets blocks go through the market: proven, rescued, unsold; the last one takes bids. */
export async function makeBusy({ driver }: ApiMarket, blocks = 4): Promise<BusyMarket> {
  const requester = party(1);
  await driver.fund(requester.address);
  const provers = new Map<Address, Party>();
  for (const { seed } of PROVERS) {
    const prover = await driver.prover(seed);
    provers.set(prover.address, prover);
  }
  let provenBlockId: Hex = '0x';
  for (let block = 0; block < blocks; block += 1) {
    provenBlockId = await proveBlock(driver, requester, provers, block);
    await driver.advance(7_000);
  }
  const unsold = await driver.submitBlock(requester, 1, terms(driver.nowMs, { label: 'nobody bid', pool: 'none' }));
  await driver.advance(40_000);
  if (driver.state.blocks.has(unsold.blockId)) throw new Error('the block without bids is still open');
  const open = await driver.submitBlock(
    requester,
    3,
    terms(driver.nowMs, { label: 'batch 40', bidWindowsMs: [20_000] }),
  );
  await bidAll(driver, provers, open.roundId, 1, 2);
  return { requester, provers, provenBlockId, openBlockId: open.blockId, openRoundId: open.roundId };
}

type Driver = ApiMarket['driver'];

function terms(nowMs: number, more: object) {
  const price = (90_000n * GWEI).toString();
  return {
    label: 'batch',
    deadlineMs: nowMs + 90_000,
    maxPriceWei: price,
    missCostWei: (ETH / 2_000n).toString(),
    bidWindowsMs: [2_000],
    roundPricesWei: [price],
    ...more,
  };
}

/** Bids of the first `count` provers, a little dearer with every block. */
export async function bidAll(driver: Driver, provers: Map<Address, Party>, roundId: string, block: number, count = 4) {
  for (const [at, bid] of PROVERS.slice(0, count).entries()) {
    const priceWei = bid.priceWei + BigInt(((block * 7 + at * 3) % 11) * 450) * GWEI;
    const prover = provers.get(party(bid.seed).address)!;
    const { standbyWei, provingMsP95 } = bid;
    await driver.bid(prover, roundId, { priceWei, standbyWei, maxJobs: 3, provingMsP95, lifeMs: 60_000 });
  }
}

/** Has a block proven: its first job by the backup after the primary gave up, the others by their primaries. */
async function proveBlock(driver: Driver, requester: Party, provers: Map<Address, Party>, block: number): Promise<Hex> {
  const order = terms(driver.nowMs, { label: `batch ${15 + block}` });
  const { blockId, roundId, jobIds } = await driver.submitBlock(requester, 4, order);
  await bidAll(driver, provers, roundId, block);
  await driver.advance(2_000);
  for (const [at, jobId] of jobIds.entries()) {
    await driver.advance(1_700 + ((block * 5 + at * 2) % 7) * 600);
    const { primary, backup } = driver.job(jobId);
    if (!primary) continue;
    const rescued = at === 0 && backup !== null;
    if (rescued) {
      await driver.giveUp(provers.get(primary.prover)!, jobId);
      await driver.advance(2_600);
    }
    const { submissionId } = await driver.deliver(provers.get(rescued ? backup.prover : primary.prover)!, jobId);
    await driver.advance(350);
    await driver.judge(jobId, submissionId, true);
  }
  return blockId;
}
