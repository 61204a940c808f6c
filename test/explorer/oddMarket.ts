/** A market of what is rare and what is hostile: pools, sealed rounds, withdrawals, failures, and names that are not nice. */
import { scheduleOf } from '#protocol/blockTerms.js';
import type { Hex } from '#protocol/units.js';
import type { ApiMarket } from '../setup/apiMarket.js';
import { ETH, type Party, party } from '../setup/marketDriver.js';

type Driver = ApiMarket['driver'];

/** Names that the protocol lets through. The third and fourth are the same; the fifth poses as another's address. */
export const NAMES = ['W'.repeat(64), '<img src=x onerror=alert(1)>', 'twin', 'twin', '0x1a64…14f1', 'עברית 12.3-4'];

export interface OddMarket {
  requester: Party;
  provers: Party[];
  blocks: {
    /** Its one job was bought by nobody and delivered from the pool. */
    unsoldPooled: Hex;
    /** Both sides of its job failed; the pool delivered. */
    failedPooled: Hex;
    /** Its job waits in the pool. */
    waitingPool: Hex;
    /** Of its three sealed bids one was never opened. */
    sealed: Hex;
    /** Its bids may be opened now. */
    revealing: Hex;
    withdrawn: Hex;
    /** A chain of jobs, of which the second expired; and jobs that wait still. */
    chain: Hex;
    waiting: Hex;
    /** An invalid zkProof, a missed lease, an expected miss, a deadline that both missed. */
    troubled: Hex;
    /** Its amounts are the largest that there can be. */
    rich: Hex;
  };
}

/** Lets all of it happen. The market goes on at `driver.nowMs`: nothing is due by itself. */
export async function makeOdd({ driver }: ApiMarket): Promise<OddMarket> {
  const requester = party(1);
  await driver.fund(requester.address, 1_000_000n * ETH);
  const owner = party(50);
  const provers: Party[] = [];
  for (const [at, name] of NAMES.entries()) provers.push(await register(driver, party(30 + at), name, owner, at < 2));
  const cast = { driver, requester, provers };
  const blocks = {
    unsoldPooled: await unsoldPooled(cast),
    failedPooled: await failedPooled(cast),
    sealed: await sealed(cast),
    withdrawn: await withdrawn(cast),
    chain: await chain(cast),
    troubled: await troubled(cast),
    rich: await rich(cast),
    waitingPool: await waitingPool(cast),
    waiting: await waiting(cast),
    revealing: await revealing(cast),
  };
  return { requester, provers, blocks };
}

interface Cast {
  driver: Driver;
  requester: Party;
  provers: Party[];
}

async function register(driver: Driver, prover: Party, name: string, owner: Party, isOwned: boolean): Promise<Party> {
  const ownerAddress = isOwned ? owner.address : prover.address;
  const message = { prover: prover.address, owner: ownerAddress, name, issuedAtMs: driver.nowMs };
  const { digest, signature } = await prover.sign('ProverRegistration', message);
  const ownerSignature = isOwned ? (await owner.sign('ProverRegistration', message)).signature : null;
  await driver.run({ kind: 'registerProver', message, signature, digest, ownerSignature }, digest);
  await driver.fund(prover.address, 10_000n * ETH);
  return prover;
}

/** A block of one round, in which the provers at these places bid, each a little more than the one before. */
async function sold(
  { driver, requester, provers }: Cast,
  label: string,
  jobs: number,
  at: number[],
  after: number[][] = [],
) {
  const terms = { label, missCostWei: (2n * ETH).toString() };
  const { blockId, roundId, jobIds } = await driver.submitBlock(requester, jobs, terms, after);
  for (const [rank, place] of at.entries()) {
    const priceWei = ETH / 5n + (BigInt(rank) * ETH) / 10n;
    await driver.bid(provers[place]!, roundId, { priceWei, standbyWei: ETH / 100n, maxConcurrent: 4 });
  }
  await driver.advance(1_000);
  return { blockId, roundId, jobIds };
}

const partyAt = ({ provers }: Cast, address: string | undefined) => provers.find((one) => one.address === address)!;

async function unsoldPooled(cast: Cast): Promise<Hex> {
  const { driver, requester, provers } = cast;
  const terms = { label: '<b>"nobody" & \'all\'</b>', ...scheduleOf(1_000, ETH / 5n, ETH, 2) };
  const { blockId, jobIds } = await driver.submitBlock(requester, 1, terms);
  await driver.advance(20_000);
  await driver.commitToPool(provers[4]!, jobIds[0]!);
  await driver.advance(2_000);
  await driver.prove(provers[4]!, jobIds[0]!);
  return blockId;
}

async function failedPooled(cast: Cast): Promise<Hex> {
  const { driver, provers } = cast;
  const { blockId, jobIds } = await sold(cast, 'W'.repeat(64), 1, [2, 3]);
  const { primary, backup } = driver.job(jobIds[0]!);
  await driver.giveUp(partyAt(cast, primary!.prover), jobIds[0]!, 'provingFailed', 'out of memory');
  await driver.advance(1_500);
  if (backup) await driver.giveUp(partyAt(cast, backup.prover), jobIds[0]!);
  await driver.advance(12_000);
  await driver.commitToPool(provers[5]!, jobIds[0]!, 1);
  // Its zkProof never comes; the next one's does.
  await driver.advance(1_000);
  await driver.commitToPool(provers[0]!, jobIds[0]!);
  await driver.advance(6_000);
  await driver.prove(provers[0]!, jobIds[0]!);
  return blockId;
}

async function sealed(cast: Cast): Promise<Hex> {
  const { driver, requester, provers } = cast;
  const { blockId, roundId, jobIds } = await driver.submitBlock(requester, 2, {
    label: 'sealed by commitments',
    sealing: 'commitReveal',
  });
  const committed = [];
  for (const [at, prover] of provers.slice(2, 5).entries()) {
    committed.push(await driver.commit(prover, roundId, { priceWei: ETH / 4n + (BigInt(at) * ETH) / 8n }));
  }
  await driver.advance(1_000);
  for (const at of [0, 1]) await driver.openBid(provers[2 + at]!, committed[at]!.bid);
  await driver.advance(20_000);
  for (const jobId of jobIds) {
    const { primary } = driver.job(jobId);
    if (primary) await driver.prove(partyAt(cast, primary.prover), jobId);
  }
  return blockId;
}

async function revealing({ driver, requester, provers }: Cast): Promise<Hex> {
  const terms = { label: 'bids are being opened', sealing: 'commitReveal' as const };
  const { blockId, roundId } = await driver.submitBlock(requester, 1, terms);
  const one = await driver.commit(provers[2]!, roundId, { priceWei: ETH / 4n });
  await driver.commit(provers[3]!, roundId, { priceWei: ETH / 3n });
  await driver.advance(1_000);
  await driver.openBid(provers[2]!, one.bid);
  return blockId;
}

async function withdrawn({ driver, requester, provers }: Cast): Promise<Hex> {
  const { blockId, roundId } = await driver.submitBlock(requester, 3, { label: 'not wanted any more' }, [[], [0], []]);
  await driver.bid(provers[0]!, roundId, { priceWei: ETH / 4n });
  await driver.withdraw(requester, blockId);
  return blockId;
}

async function chain(cast: Cast): Promise<Hex> {
  const { driver } = cast;
  const { blockId, jobIds } = await sold(cast, 'a chain that broke', 4, [2, 3], [[], [0], [1], [1, 2]]);
  await driver.advance(1_000);
  await driver.prove(partyAt(cast, driver.job(jobIds[0]!).primary!.prover), jobIds[0]!);
  // Nobody bids for the second one.
  await driver.advance(200_000);
  return blockId;
}

async function waiting(cast: Cast): Promise<Hex> {
  return (await sold(cast, 'jobs that wait', 3, [2, 4], [[], [0], [0, 1]])).blockId;
}

async function troubled(cast: Cast): Promise<Hex> {
  const { driver } = cast;
  const { blockId, jobIds } = await sold(cast, 'trouble', 4, [2, 4, 5]);
  const sides = (jobId: string) => {
    const { primary, backup } = driver.job(jobId);
    return [partyAt(cast, primary!.prover), backup && partyAt(cast, backup.prover)] as const;
  };
  const [invalid, silent, expected] = jobIds as [string, string, string];
  const [liar, helper] = sides(invalid);
  await driver.advance(2_000);
  const wrong = await driver.deliver(liar, invalid, 3);
  await driver.judge(invalid, wrong.submissionId, false);
  const [lost, second] = sides(silent);
  await driver.run({ kind: 'missLease', jobId: silent, prover: lost.address, lastSeenMs: driver.nowMs - 10_000 });
  await driver.run({ kind: 'predictMiss', jobId: expected, expectedEndMs: driver.job(expected).deadlineMs });
  await driver.advance(3_000);
  if (helper) await driver.prove(helper, invalid);
  if (second) await driver.prove(second, silent);
  const third = sides(expected)[1];
  if (third) await driver.prove(third, expected);
  // Nobody delivers the fourth.
  await driver.advance(120_000);
  return blockId;
}

async function rich(cast: Cast): Promise<Hex> {
  const { driver, requester, provers } = cast;
  const huge = 10n ** 58n;
  const maxPriceWei = huge.toString();
  await driver.fund(requester.address, huge);
  await driver.fund(provers[2]!.address, huge * 9n);
  await driver.fund(provers[4]!.address, huge * 9n);
  const { executed, blockId, roundId, jobIds } = await driver.submitBlock(requester, 1, {
    label: 'R'.repeat(64),
    maxPriceWei,
    missCostWei: (huge * 10n).toString(),
  });
  if (!executed.ok) throw new Error(executed.code);
  await driver.bid(provers[2]!, roundId, { priceWei: huge / 7n, standbyWei: huge / 1_000n });
  await driver.bid(provers[4]!, roundId, { priceWei: huge / 3n, standbyWei: huge / 999n });
  await driver.advance(1_000);
  const { primary } = driver.job(jobIds[0]!);
  await driver.prove(partyAt(cast, primary!.prover), jobIds[0]!);
  return blockId;
}

async function waitingPool({ driver, requester, provers }: Cast): Promise<Hex> {
  const terms = { label: 'in the pool', ...scheduleOf(1_000, ETH / 5n, ETH, 1) };
  const { blockId, jobIds } = await driver.submitBlock(requester, 2, terms);
  await driver.advance(5_000);
  await driver.commitToPool(provers[4]!, jobIds[0]!);
  return blockId;
}
