import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReceiptFile } from '#agent/bidding/receiptFile.js';
import { UnopenedBids } from '#agent/bidding/unopenedBids.js';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { agentPaths, parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { isReceiptSigned, keptReceiptSchema, receiptBytes } from '#protocol/bidReceipt.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { inclusionProof } from '#protocol/log/inclusionProof.js';
import { formatVerifierKey } from '#protocol/log/verifierKey.js';
import type { Bid } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { digestOf } from '#protocol/typedData.js';
import { signerFromSeed } from '../protocol/ed25519Signer.js';
import { growTree } from '../protocol/grownTree.js';
import { BLOCK_ID, committedCircuit, slowProver, until } from './agentFixtures.js';
import { FAKE_MARKET, type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });
const operator = signerFromSeed(FAKE_MARKET.origin, new Uint8Array(32).fill(7));
const logKey = formatVerifierKey(operator.key);
const domain = { chainId: FAKE_MARKET.chainId, coordinatorId: FAKE_MARKET.coordinatorId as `0x${string}` };
const roundId = `${BLOCK_ID}.r0`;
const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (hash: Uint8Array) => Buffer.from(hash).toString('hex');

let dataDir: string;
let account: Account;
let coordinator: FakeCoordinator;
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;
let running: Promise<void>;
/** The log of the fake: canonical leaves. */
let leaves: string[];
let sealedAt: number | null;
let round: Record<string, unknown>;

const callsOf = (name: string) => coordinator.calls.filter((call) => call.name === name).map((call) => call.request);
const happened = (event: string) => events.some((one) => one.event === event);
const paths = () => agentPaths(dataDir);
const kept = (): Bid[] => JSON.parse(readFileSync(paths().unopenedBids, 'utf8')).bids;

/** Appends an entry to the fake's log and answers with the receipt. */
function receiptFor(message: { roundId: string; prover: string; commitment: string }, leaf: object) {
  const at = leaves.indexOf(canonicalJson(leaf));
  if (at < 0) leaves.push(canonicalJson(leaf));
  const entryIndex = at < 0 ? leaves.length - 1 : at;
  const { type } = leaf as { type: string };
  const receipt = { atMs: 5, entryIndex, origin: FAKE_MARKET.origin, type, ...message } as never;
  const receiptSignature = `0x${hex(operator.sign(receiptBytes(receipt)))}`;
  const accepted = { digest: `0x${'00'.repeat(32)}`, firstIndex: entryIndex, entryCount: 1, atMs: 5 };
  return { ...accepted, ...message, type, origin: FAKE_MARKET.origin, receiptSignature };
}

function start(): void {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir, finishMs: 100 });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  running = runAgent(config, { account, log, signal: stop.signal, createProver: slowProver(5) });
}

async function restart(): Promise<void> {
  stop.abort();
  await running;
  stop = new AbortController();
  events = [];
  start();
}

/** The window closes: the feed may tell of it or not. */
function seal(isTold: boolean): void {
  const entry = {
    type: 'bidsSealed' as const,
    atMs: Date.now(),
    roundId,
    count: 1,
    revealsUntilMs: Date.now() + 3_000,
  };
  leaves.push(canonicalJson(entry));
  sealedAt = leaves.length - 1;
  Object.assign(round, { sealedAtMs: entry.atMs, sealedEntryIndex: sealedAt, revealsUntilMs: entry.revealsUntilMs });
  if (isTold) coordinator.publish(entry);
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-agent-'));
  account = accountOf(newPrivateKey());
  events = [];
  leaves = ['{}'];
  sealedAt = null;
  stop = new AbortController();
  const jobIds = [`${BLOCK_ID}.0`];
  const times = { deadlineMs: Date.now() + 60_000, openedAtMs: Date.now(), closesAtMs: Date.now() + 4_000 };
  const terms = { step: 0, parametersVersion: 2, sealing: 'commitReveal', maxPriceWei: (10n ** 18n).toString() };
  const seals = { sealedAtMs: null, sealedEntryIndex: null, revealsUntilMs: null, revealExcused: false };
  const ids = { roundId, blockId: BLOCK_ID, circuitId: circuit.circuitId, jobIds };
  round = { ...ids, ...terms, ...times, ...seals, clearedAtMs: null, withdrawn: false, escalations: [], bidCount: 0 };
  let commitment: string | null = null;
  coordinator = await startFakeCoordinator({
    getMarket: () => ({ ...FAKE_MARKET, logKey, nowMs: Date.now() }),
    getParameters: ({ params }) => ({ version: Number(params.version), parameters: DEFAULT_PARAMETERS }),
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: () => bytes,
    listOpenRounds: () => ({ rounds: sealedAt === null ? [round] : [] }),
    getRound: () => {
      const commitments = commitment ? [{ prover: account.address, commitment }] : [];
      return { ...round, commitments, cleared: null };
    },
    commitBid: ({ body }) => {
      commitment = body.message.commitment;
      return receiptFor(body.message, { type: 'bidCommitted', ...body });
    },
    openBid: ({ body }) => {
      const { prover } = body.message as Bid;
      return receiptFor({ roundId, prover, commitment: commitment! }, { type: 'bidOpened', ...body });
    },
    listEntries: ({ query }) => {
      const index = Number(query.from);
      return { treeSize: leaves.length, entries: [{ index, leaf: leaves[index]! }] };
    },
    getInclusion: ({ params }) => inclusionOf(Number(params.index)),
  });
});

afterEach(async () => {
  stop.abort();
  await running;
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function inclusionOf(index: number, log = leaves, place = { log: 0, firstIndex: 0, signer: operator }) {
  const tree = growTree(log.map(utf8));
  const size = log.length;
  const leafIndex = index - place.firstIndex;
  const checkpoint = { origin: place.signer.key.name, size, rootHash: tree.roots[size]!, extensionLines: [] };
  return {
    index,
    log: place.log,
    leafIndex,
    treeSize: size,
    leafHash: hex(tree.leafHashes[leafIndex]!),
    inclusionProof: inclusionProof(leafIndex, size, tree.readNode).map(hex),
    checkpoint: signCheckpoint(checkpoint, [place.signer]),
  };
}

describe('an agent in a round of commitments', () => {
  it('commits, opens when all is sealed, and keeps receipts of both', async () => {
    start();
    await until(() => happened('bidCommitted'), 'a commitment');
    const { body } = callsOf('commitBid')[0]!;
    expect(Object.keys(body.message).sort()).toEqual(['commitment', 'prover', 'roundId']);
    expect(callsOf('getParameters').map(({ params }) => params.version)).toEqual(['2']);
    const [bid] = kept();
    expect(digestOf(domain, 'Bid', bid!)).toBe(body.message.commitment);
    expect(callsOf('openBid')).toHaveLength(0);
    seal(true);
    await until(() => happened('bidOpened'), 'the opening');
    expect(callsOf('openBid').map((call) => call.body.message)).toEqual([bid]);
    await until(() => kept().length === 0, 'the bid being forgotten');
    const receipts = readFileSync(paths().receipts, 'utf8').trim().split('\n');
    const parsed = receipts.map((line) => keptReceiptSchema.parse(JSON.parse(line)));
    expect(parsed.every((receipt) => isReceiptSigned(receipt, logKey))).toBe(true);
    expect(parsed.map(({ entryIndex }) => entryIndex)).toEqual([1, 3]);
    expect(happened('receiptUnsigned')).toBe(false);
  });

  it('opens after a restart what it had committed to, though no feed tells it, and commits to nothing else', async () => {
    start();
    await until(() => happened('bidCommitted'), 'a commitment');
    const [bid] = kept();
    await restart();
    await until(() => callsOf('commitBid').length > 1, 'the same commitment again');
    seal(false);
    (round as { closesAtMs: number }).closesAtMs = Date.now();
    await restart();
    await until(() => happened('bidOpened'), 'the opening');
    expect(callsOf('openBid')[0]!.body.message).toEqual(bid);
    expect(new Set(callsOf('commitBid').map(({ body }) => body.message.commitment)).size).toBe(1);
  });

  it('opens after a restart a bid whose commitment was never answered', async () => {
    const answer = coordinator.handlers.commitBid!;
    coordinator.handlers.commitBid = (request) => {
      answer(request);
      throw new Refusal('unavailable');
    };
    start();
    await until(() => leaves.length === 2, 'a commitment that gets no answer');
    expect(kept()).toHaveLength(1);
    seal(false);
    stop.abort();
    await running;
    coordinator.handlers.commitBid = answer;
    await restart();
    await until(() => happened('bidOpened'), 'the opening');
  });

  it('opens nothing on a checkpoint that is short, forged, or does not hold its commitment, and opens once one does', async () => {
    const honest = coordinator.handlers.getInclusion!;
    const flaws = [
      () => inclusionOf(1, leaves.slice(0, 2)),
      () => ({ ...inclusionOf(1), checkpoint: signCheckpoint({ ...BLANK, size: 3 }, [signerFromSeed('other', SEED)]) }),
      () => ({ ...inclusionOf(1), inclusionProof: [] }),
      () => ({ ...inclusionOf(1, ['{}', '{"else":1}', leaves[2]!]) }),
    ];
    let asked = 0;
    coordinator.handlers.getInclusion = () => {
      asked += 1;
      return (flaws[asked - 1] ?? (() => honest({ params: { index: '1' }, query: {}, body: null })))();
    };
    start();
    await until(() => happened('bidCommitted'), 'a commitment');
    seal(true);
    await until(() => happened('bidOpened'), 'the opening');
    const reasons = events.filter(({ event }) => event === 'sealUnproven').map(({ fields }) => String(fields.reason));
    expect(reasons).toHaveLength(flaws.length);
    expect(asked).toBe(flaws.length + 1);
    expect(reasons.join('\n')).toMatch(
      /does not reach[\s\S]*not the log's[\s\S]*not in the checkpoint[\s\S]*not the one/,
    );
  });

  it('finds its commitment sealed across a rotation, and only where the next log names how its own one ended', async () => {
    const next = signerFromSeed('test.example/second', new Uint8Array(32).fill(8));
    start();
    await until(() => happened('bidCommitted'), 'a commitment');
    const size = leaves.length;
    const { origin } = FAKE_MARKET;
    const rootHash = `0x${hex(growTree(leaves.map(utf8)).roots[size]!)}`;
    const honest = { origin, logKey, size, rootHash, checkpoint: 'as it was signed' };
    const opening = (previous: object) => canonicalJson({ type: 'logOpened', number: 1, previous });
    const openings = [
      opening({ ...honest, rootHash: `0x${'00'.repeat(32)}` }),
      opening({ ...honest, size: size + 1 }),
      opening({ ...honest, origin: 'another.example/market' }),
      canonicalJson({ type: 'deposited', previous: honest }),
      opening(honest),
    ];
    const end = { size: null, followedBy: null, isAnnounced: false, closedAtMs: null };
    const second = { number: 1, origin: next.key.name, logKey: formatVerifierKey(next.key), firstIndex: size, ...end };
    coordinator.handlers.listLogs = () => ({ logs: [{ number: 0, origin, logKey, firstIndex: 0, ...end }, second] });
    leaves.push('the opening of the next log');
    // Proof and entry are asked for once each time, in either order.
    const asked = { proofs: 0, entries: 0 };
    coordinator.handlers.getInclusion = ({ params }) => {
      const index = Number(params.index);
      if (index < size) return inclusionOf(index, leaves.slice(0, size));
      const log = [openings[asked.proofs++]!, ...leaves.slice(size + 1)];
      return inclusionOf(index, log, { log: 1, firstIndex: size, signer: next });
    };
    const { listEntries } = coordinator.handlers;
    coordinator.handlers.listEntries = (request) => {
      const index = Number(request.query.from);
      if (index < size) return listEntries!(request);
      return { treeSize: leaves.length, entries: [{ index, leaf: openings[asked.entries++]! }] };
    };
    seal(true);
    await until(() => happened('bidOpened'), 'the opening');
    const reasons = events.filter(({ event }) => event === 'sealUnproven').map(({ fields }) => String(fields.reason));
    expect(reasons).toHaveLength(4);
    for (const reason of reasons) expect(reason).toMatch(new RegExp(`of ${size} entries from 0 on and does not reach`));
  });

  it('says that its bid was not opened when the time is over', async () => {
    coordinator.handlers.openBid = () => {
      throw new Refusal('revealClosed');
    };
    start();
    await until(() => happened('bidCommitted'), 'a commitment');
    seal(true);
    await until(() => happened('bidNotOpened'), 'the failure');
    await until(() => kept().length === 0, 'the bid being forgotten');
  });
});

const SEED = new Uint8Array(32).fill(9);
const BLANK = { origin: FAKE_MARKET.origin, rootHash: new Uint8Array(32), extensionLines: [] };

describe('the files of bids', () => {
  it('refuse to go on without bids that cannot be read', () => {
    writeFileSync(paths().unopenedBids, '{"bids":[{');
    expect(() => new UnopenedBids(paths().unopenedBids)).toThrow(/cannot be read/);
    running = Promise.resolve();
  });

  it('keep the newest receipts, and begin a line of their own behind one that was cut off', () => {
    running = Promise.resolve();
    const file = join(dataDir, 'receipts.jsonl');
    writeFileSync(file, '{"cut');
    const receipts = new ReceiptFile(file, 3);
    const add = (entryIndex: number) => receipts.add({ entryIndex, receiptSignature: `${entryIndex}` } as never);
    expect(add(0)).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('{"cut\n{"entryIndex":0,"receiptSignature":"0"}\n');
    expect(add(0)).toBe(true);
    for (let index = 1; index < 9; index += 1) add(index);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines.length).toBeLessThan(6);
    expect(lines.at(-1)).toContain('"entryIndex":8');
    expect(existsSync(`${file}.${process.pid}.new`)).toBe(false);
  });
});
