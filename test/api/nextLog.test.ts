/** A market that goes on in a next log while it is served: places, proofs, receipts, feed, copies and audits. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogAudit } from '#auditor/auditLog.js';
import { folderTileSource } from '#auditor/folderTileSource.js';
import { mirrorLog } from '#auditor/mirrorLog.js';
import { tileLogSource } from '#auditor/tileLogSource.js';
import { httpTileSource, type TileSource } from '#auditor/tileSource.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { PLACEHOLDER_VERIFIER } from '../auditor/writtenLog.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { ETH, party } from '../setup/marketDriver.js';
import { OPERATOR } from '../setup/testOperator.js';

const NEXT = OPERATOR.under('test.example/second');
let market: ApiMarket;
let folder: string;
let receiptBefore: unknown;
let bidBefore: Parameters<ApiMarket['client']['call']>[1];
let heard: number[];
let firstTile: string;
let logged: number;

const textOf = async (path: string) => (await fetch(`${market.url}${path}`)).text();
const hexes = (path: string[]) => path.map((hash) => new Uint8Array(Buffer.from(hash, 'hex')));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-next-log-'));
  market = await openApiMarket();
  const { driver, client, executor } = market;
  const requester = party(1);
  await driver.fund(requester.address);
  const prover = await driver.prover(10);
  const { roundId, jobIds } = await driver.submitBlock(requester, 1);
  const bid = {
    roundId,
    prover: prover.address,
    priceWei: (ETH / 5n).toString(),
    standbyWei: '0',
    maxJobs: 1,
    maxConcurrent: 1,
    provingMsP95: 5_000,
    expiresAtMs: driver.nowMs + 1_000_000,
    salt: `0x${'07'.repeat(32)}` as const,
  };
  bidBefore = { body: { message: bid, signature: (await prover.sign('Bid', bid)).signature } } as never;
  receiptBefore = await client.call('placeBid', bidBefore as never);
  firstTile = await textOf('/log/tile/0/000.p/4');
  logged = executor.journal.size();
  heard = [];
  executor.journal.onCommitted((entries) => heard.push(...entries.map(({ index }) => index)));
  await executor.journal.rotate({ origin: NEXT.origin, logKey: NEXT.logKey }, 'it is long');
  await driver.advance(1_000);
  await driver.prove(prover, jobIds[0]!);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  await market.close();
  rmSync(folder, { recursive: true });
});

it('keeps the place of the first log, and serves the next one at its own', async () => {
  expect(await textOf('/log/tile/0/000.p/4')).toBe(firstTile);
  expect((await textOf('/log/checkpoint')).split('\n').slice(0, 2)).toEqual([OPERATOR.origin, String(logged + 1)]);
  const size = market.executor.journal.size() - logged - 1;
  expect((await textOf('/log/1/checkpoint')).split('\n').slice(0, 2)).toEqual([NEXT.origin, String(size)]);
  expect(await textOf('/log/1/tile/entries/000.p/1')).toMatch(/"type":"logOpened"/);
  for (const path of ['2/checkpoint', '01/checkpoint', '0/checkpoint', 'x/checkpoint', '2/tile/0/000.p/1']) {
    expect((await fetch(`${market.url}/log/${path}`)).status, path).toBe(404);
  }
  expect((await fetch(`${market.url}/log/tile/entries/000.p/${logged + 2}`)).status).toBe(404);
  const { logs } = JSON.parse(await textOf('/log/logs'));
  expect(logs).toMatchObject([
    { number: 0, size: logged + 1, followedBy: 'rotation', isAnnounced: true },
    { number: 1 },
  ]);
});

it('proves entries of both logs, each in its own tree', async () => {
  const { logs } = await market.client.call('listLogs', {});
  for (const index of [0, logged, logged + 1, market.executor.journal.size() - 1]) {
    const view = await market.client.call('getInclusion', { params: { index: String(index) } });
    const log = logs[view.log]!;
    expect(view.leafIndex).toBe(index - log.firstIndex);
    const trust = { origin: log.origin, logKeys: [parseVerifierKey(log.logKey)!] };
    const opened = openCheckpoint(view.checkpoint, trust, verifyEd25519);
    if (!opened.ok) throw new Error(opened.reason);
    const { size, rootHash: root } = opened.checkpoint;
    const leafHash = hexes([view.leafHash])[0]!;
    expect(verifyInclusion({ leafHash, index: view.leafIndex, size, path: hexes(view.inclusionProof), root })).toBe(
      true,
    );
  }
  const of = (log: string) => market.client.call('getConsistency', { query: { from: '1', to: '2', log } as never });
  expect((await of('0')).consistencyProof).not.toEqual((await of('1')).consistencyProof);
});

it('answers an old message as it did, with the receipt of its log, and tells the feed without a gap', async () => {
  expect(await market.client.call('placeBid', bidBefore as never)).toEqual(receiptBefore);
  expect(receiptBefore).toMatchObject({ origin: OPERATOR.origin });
  expect(heard).toEqual(heard.map((_, at) => logged + at));
});

it('is audited and copied over both logs, and the copy is audited the same', async () => {
  const auditFrom = async (source: TileSource) => {
    const audit = new LogAudit(tileLogSource(source), { verifier: PLACEHOLDER_VERIFIER, threads: 1 });
    const report = await audit.run().finally(() => audit.close());
    expect(report.flaws).toEqual([]);
    return report;
  };
  const live = await auditFrom(httpTileSource(market.url));
  expect(live.logs.map(({ origin }) => origin)).toEqual([OPERATOR.origin, NEXT.origin]);
  const { size } = await mirrorLog(httpTileSource(market.url), folder, { artifacts: false });
  expect(size).toBe(market.executor.journal.size());
  expect(JSON.parse(readFileSync(join(folder, 'logs'), 'utf8'))).toEqual(JSON.parse(await textOf('/log/logs')));
  const copied = await auditFrom(folderTileSource(folder));
  expect(copied.rootHash).toBe(live.rootHash);
  expect(copied.size).toBe(size);
});
