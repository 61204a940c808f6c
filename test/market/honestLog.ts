/** A log in which nearly everything happens once, and what a careful auditor finds wrong with a log. */
import { Replay, type ReplayOptions } from '#market/replay.js';
import { type Entry, type EntryOf, type EntryType, parseEntry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { throughText } from '../setup/invariants.js';
import { ETH, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

export type Log = Entry[];

/** The entry of one type with the number `nth`, counted from 0. */
export function entryOf<Type extends EntryType>(log: Log, type: Type, nth = 0): EntryOf<Type> {
  const found = log.filter((entry) => entry.type === type)[nth];
  if (!found) throw new Error(`the log has no ${type} number ${nth}`);
  return found as EntryOf<Type>;
}

interface Cast {
  market: MarketDriver;
  requester: Party;
  cheap: Party;
  solid: Party;
  third: Party;
}

/** One block, cleared: cheap is the primary of every job, solid stands by. */
async function sell({ market, requester, cheap, solid, third }: Cast, jobCount: number): Promise<string[]> {
  const { roundId, jobIds } = await market.submitBlock(requester, jobCount, { missCostWei: (2n * ETH).toString() });
  await market.bid(cheap, roundId, { priceWei: ETH / 4n, standbyWei: ETH / 10n });
  await market.bid(cheap, roundId, { priceWei: ETH / 5n, standbyWei: ETH / 10n });
  await market.bid(solid, roundId, { priceWei: ETH / 2n, standbyWei: ETH / 1_000n });
  await market.bid(third, roundId, { priceWei: ETH, standbyWei: ETH / 30n });
  await market.advance(1_000);
  return jobIds;
}

/**
 * Six jobs with six endings, four that are nobody's or somebody's fault, then one that downtime excuses, two that the
 * pool brings, and one that nobody buys.
 */
export async function honestLog(): Promise<Log> {
  const memory = new MemoryExecutor();
  const market = await new MarketDriver(memory).open({ newcomerJobs: 0 });
  const requester = party(1);
  await market.run({ kind: 'startCoordinator', lastSignMs: market.nowMs, cause: 'start' });
  await market.fund(requester.address);
  const [cheap, solid] = [await market.prover(10), await market.prover(11, party(20))];
  const cast = { market, requester, cheap, solid, third: await market.prover(12) };
  const [onTime, silent, gaveUp, invalid, late, nobody] = (await sell(cast, 6)) as [string, ...string[]];
  await market.advance(3_000);
  await market.prove(cheap, onTime);
  await market.giveUp(cheap, gaveUp!);
  await market.prove(solid, gaveUp!);
  const { submissionId } = await market.deliver(cheap, invalid!, 1);
  await market.judge(invalid!, submissionId, false);
  await market.advance(8_000);
  await market.run({ kind: 'missLease', jobId: silent!, prover: cheap.address, lastSeenMs: market.nowMs - 11_000 });
  await market.run({ kind: 'missLease', jobId: late!, prover: solid.address, lastSeenMs: market.nowMs - 11_000 });
  await market.prove(solid, silent!);
  await market.prove(cheap, invalid!);
  await market.advanceTo(Math.max(market.job(nobody!).backupStartMs!, market.job(late!).backupStartMs!) + 100);
  await market.prove(cheap, late!);
  await market.advance(200_000);
  await blame(cast);
  await excuse(cast);
  await pool(cast);
  await market.submitBlock(requester, 1, { pool: 'none' });
  await market.advance(50_000);
  await withdraw(cast);
  return throughText(memory.entries);
}

/** A block with a job that waits for another; it is withdrawn while its first round takes commitments. */
async function withdraw({ market, requester, cheap }: Cast): Promise<void> {
  const { blockId, roundId } = await market.submitBlock(requester, 2, { sealing: 'commitReveal' }, [[], [0]]);
  await market.commit(cheap, roundId, { priceWei: ETH / 4n });
  await market.withdraw(requester, blockId);
}

/** An input that is not served, one that is served late, a job without a witness, and a miss that was expected. */
async function blame(cast: Cast): Promise<void> {
  const { market, cheap, solid } = cast;
  const [unserved, servedLate, unprovable, expected] = (await sell(cast, 4)) as [string, string, string, string];
  const noteInput = (jobId: string, served: boolean) =>
    market.run({ kind: 'noteInput', jobId, prover: cheap.address, served });
  await noteInput(unserved, false);
  await noteInput(servedLate, false);
  await market.giveUp(cheap, unprovable, 'witnessFailed', 'Error in template T_1 line: 12');
  await market.run({ kind: 'recordWitness', jobId: unprovable, satisfiable: false, error: 'T_1 line: 12' });
  await market.advance(2_000);
  await noteInput(servedLate, true);
  await market.giveUp(cheap, unserved, 'inputUnavailable');
  await market.run({ kind: 'predictMiss', jobId: expected, expectedEndMs: market.job(expected).deadlineMs });
  for (const jobId of [unserved, expected]) await market.prove(solid, jobId);
  // After its backup's start, but within the time that it has got back.
  await market.advanceTo(market.job(servedLate).backupStartMs! + 1_000);
  await market.prove(cheap, servedLate);
}

/** A job that the coordinator's downtime leaves no time. */
async function excuse(cast: Cast): Promise<void> {
  const { market } = cast;
  await sell(cast, 1);
  const lastSignMs = market.nowMs;
  market.nowMs += 95_000;
  await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'stall' });
  await market.advance(20_000);
}

/** A job that both its sides hand back, and one that nobody buys: the pool delivers them. */
async function pool(cast: Cast): Promise<void> {
  const { market, requester, cheap, solid, third } = cast;
  const fourth = await market.prover(13);
  const [sold] = (await sell(cast, 1)) as [string];
  await market.giveUp(cheap, sold);
  await market.giveUp(solid, sold);
  await market.advance(40_000);
  await market.commitToPool(fourth, sold);
  await market.advance(1_000);
  await market.commitToPool(third, sold);
  const waits = await market.deliver(third, sold);
  await market.advance(5_000);
  await market.judge(sold, waits.submissionId, true);
  const { jobIds } = await market.submitBlock(requester, 1);
  const unsold = jobIds[0]!;
  await market.advance(40_000);
  await market.commitToPool(cheap, unsold, 1);
  await market.commitToPool(solid, unsold);
  const wrong = await market.deliver(cheap, unsold, 1);
  await market.judge(unsold, wrong.submissionId, false);
  await market.prove(solid, unsold);
}

/** What the placeholder verifier of these tests says: see `MarketDriver.deliver`. */
function isValid(zkProof: { variant?: unknown }): boolean {
  return zkProof.variant === '0';
}

/**
 * What an auditor finds: shape, canonical text, rules, signatures, zkProofs. Null when there is nothing.
 * @param trusted - how many of the first entries are known to be honest, whose signatures need no second look
 */
export function flawOf(log: unknown[], trusted = 0): string | null {
  let judged: string | null = null;
  const options: ReplayOptions = {
    checkSignatures: trusted === 0,
    onJudgedProof: ({ zkProof, accepted, index }) => {
      if (accepted !== isValid(zkProof)) judged = `entry ${index}: the verifier says otherwise`;
    },
  };
  const replay = new Replay(options);
  for (const [index, value] of log.entries()) {
    if (index === trusted) options.checkSignatures = true;
    const entry = index < trusted ? (value as Entry) : readEntry(value);
    if (!entry) return `entry ${index}: not an entry`;
    if (!replay.push(entry) || judged) break;
  }
  const divergence = replay.end();
  return divergence ? `entry ${divergence.index}: ${divergence.explanation}` : judged;
}

function readEntry(value: unknown): Entry | null {
  try {
    const entry = parseEntry(value);
    return canonicalJson(entry) === canonicalJson(value) ? entry : null;
  } catch {
    return null;
  }
}

type Path = (string | number)[];

/** Paths of all leaves of a value. */
export function leavesOf(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const keys: Path = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => leavesOf((value as Record<string | number, unknown>)[key], [...path, key]));
}

/** A copy with one leaf changed as little as its kind allows. */
export function flip<Value>(value: Value, path: Path): Value {
  const copy = structuredClone(value);
  let holder = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) holder = holder[key] as typeof holder;
  const key = path.at(-1)!;
  holder[key] = other(holder[key]);
  return copy;
}

const TWINS = ['start', 'stall', 'primary', 'backup', 'market', 'none', 'vickrey', 'first', 'overloaded', 'shutdown'];

function other(leaf: unknown): unknown {
  if (typeof leaf === 'number') return leaf + 1;
  if (typeof leaf === 'boolean') return !leaf;
  if (leaf === null) return '0x';
  const text = String(leaf);
  const twin = TWINS.indexOf(text);
  if (twin >= 0) return TWINS[twin ^ 1];
  const last = text.at(-1)!;
  if (/^(0x)?[0-9a-f.r]*$/.test(text)) return text.slice(0, -1) + (last === '1' ? '2' : '1');
  return `${text}x`;
}
