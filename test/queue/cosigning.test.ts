import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { operatorKeyOf } from '#journal/operatorKey.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { cosignerKey, readCosignatures } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { parseVerifierKey, type VerifierKey } from '#protocol/log/verifierKey.js';
import { type CosignerAddress, type Cosigning, startCosigning } from '#queue/cosigning.js';
import { addCheckpoint } from '../../coordinator/auditor/cosigner.js';
import { cosignerFolder } from '../../coordinator/auditor/cosignerFolder.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { until } from '../setup/liveProcess.js';
import { party } from '../setup/marketDriver.js';

let market: ApiMarket;
let folder: string;
let logKey: VerifierKey;
const warnings: object[] = [];
const servers: Server[] = [];
let cosigning: Cosigning | null = null;

beforeAll(async () => {
  market = await openApiMarket();
  logKey = parseVerifierKey((await market.client.call('getMarket', {})).logKey)!;
  folder = mkdtempSync(join(tmpdir(), 'understudy-cosigning-'));
});

afterEach(async () => {
  await cosigning?.stop();
  cosigning = null;
  warnings.length = 0;
  for (const server of servers.splice(0)) server.close();
});

afterAll(async () => {
  await market.close();
  rmSync(folder, { recursive: true });
});

/** A cosigner behind HTTP. @param answer - what it says in the place of an honest one */
async function cosigner(name: string, answer?: () => { status: number; body: string }): Promise<CosignerAddress> {
  const operator = operatorKeyOf(generateKeyPairSync('ed25519').privateKey, name);
  const key = cosignerKey(name, operator.verifierKey.publicKey);
  const memory = cosignerFolder(join(folder, name));
  const nowSec = () => Math.floor(Date.now() / 1_000);
  const server = createServer(async (request, reply) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString('utf8');
    const said = answer?.() ?? addCheckpoint(body, { logKeys: [logKey], key, sign: operator.sign, memory, nowSec });
    reply.writeHead(said.status).end(said.body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key };
}

function start(cosigners: CosignerAddress[]): Cosigning {
  const log = {
    warn: (fields: object) => void warnings.push(fields),
    error: (fields: object) => void warnings.push(fields),
  };
  cosigning = startCosigning({ journal: market.executor.journal, cosigners, log });
  return cosigning;
}

/** Who has signed the newest cosigned checkpoint, and of what size it is. */
function signed(by: Cosigning, cosigners: CosignerAddress[]) {
  const note = by.newest(0);
  const opened = note && openCheckpoint(note, { origin: logKey.name, logKeys: [logKey] }, verifyEd25519);
  if (!note || !opened || !opened.ok) return null;
  const found =
    readCosignatures(
      note,
      cosigners.map(({ key }) => key),
      verifyEd25519,
    ) ?? [];
  return { size: opened.checkpoint.size, names: found.map(({ key }) => key.name).toSorted() };
}

describe('checkpoints with cosigners', () => {
  it('are signed by all of them as the log grows, and after a restart', async () => {
    const cosigners = [await cosigner('one.example'), await cosigner('two.example')];
    for (let round = 1; round <= 3; round += 1) {
      const running = start(cosigners);
      await market.driver.fund(party(round).address);
      const { treeSize: size } = await market.client.call('getMarket', {});
      const names = ['one.example', 'two.example'];
      await until(async () => signed(running, cosigners)?.size === size, 'the newest checkpoint to be cosigned');
      expect(signed(running, cosigners)).toEqual({ size, names });
      await running.stop();
    }
    expect(warnings).toEqual([]);
  });

  it('are signed by those who answer, when others are away, refuse, or sign with another key', async () => {
    const good = await cosigner('three.example');
    const away = { url: 'http://127.0.0.1:1', key: good.key };
    const refusing = await cosigner('four.example', () => ({ status: 403, body: 'no\n' }));
    const ahead = await cosigner('five.example', () => ({ status: 409, body: '999999\n' }));
    const wrongKey = { url: good.url, key: refusing.key };
    const running = start([away, refusing, ahead, wrongKey, good]);
    await until(async () => signed(running, [good]) !== null, 'a cosigned checkpoint');
    expect(signed(running, [good])?.names).toEqual(['three.example']);
    const reasons = JSON.stringify(warnings);
    for (const reason of [/answers 403/, /999999 entries/, /does not hold/]) expect(reasons).toMatch(reason);
    expect(warnings).toHaveLength(4);
  });

  it('are none without cosigners', async () => {
    expect(start([]).newest(0)).toBeNull();
  });
});
