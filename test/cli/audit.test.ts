import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '#protocol/entries.js';
import { type Files, writeLog } from '../auditor/writtenLog.js';
import { PROGRAM, runCommandLine } from '../setup/commandLine.js';
import { throughText } from '../setup/invariants.js';
import { ETH, MarketDriver, MemoryExecutor, party } from '../setup/marketDriver.js';
import { OPERATOR } from '../setup/testOperator.js';

let home: string;
let entries: Entry[];
let jobId: string;

/** A market in which a block is sold, and nobody delivers: there is no zkProof to be checked. */
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'understudy-audit-'));
  const memory = new MemoryExecutor();
  const market = await new MarketDriver(memory).open({ newcomerJobs: 0 });
  const [requester, cheap, dear] = [party(1), await market.prover(10), await market.prover(11)];
  await market.fund(requester.address);
  const { roundId, jobIds } = await market.submitBlock(requester, 2);
  await market.bid(cheap, roundId, { priceWei: ETH / 4n });
  await market.bid(dear, roundId, { priceWei: ETH / 2n });
  await market.advance(400_000);
  entries = throughText(memory.entries);
  jobId = jobIds[0]!;
});

afterAll(() => rmSync(home, { recursive: true }));

function folderOf(name: string, files: Files): string {
  for (const [path, bytes] of files) {
    const file = join(home, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  return join(home, name);
}

const audit = (folder: string, ...flags: string[]) =>
  runCommandLine(['audit', folder, '--state', join(home, 'state'), ...flags], { cwd: home });

describe('understudy audit', () => {
  it('passes an honest folder, remembers it, and refuses one that was rolled back', async () => {
    const folder = folderOf('honest', writeLog(entries));
    const first = await audit(folder);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/first time that this auditor sees it/);
    expect(first.stdout.split('\n')[1]).toBe(`key ${OPERATOR.logKey}`);
    expect(first.stdout).toMatch(/everything that was checked holds/);
    const again = await audit(folder, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, size: entries.length, seenSizes: [entries.length] });
    const opened = entries.findIndex(({ type }) => type === 'proverRegistered');
    const shorter = await audit(folderOf('shorter', writeLog(entries.slice(0, opened + 1))));
    expect(shorter.code).toBe(1);
    expect(shorter.stdout).toMatch(/first divergence, consistency: this auditor has seen \d+ entries, the log has \d+/);
  });

  it('tells the story of a job, and says with which probability a sample finds what is bad', async () => {
    const folder = folderOf('honest', writeLog(entries));
    const { code, stdout } = await audit(folder, '--job', jobId, '--sample', '0.5');
    expect(code).toBe(0);
    expect(stdout).toMatch(/submits a block of 2 jobs/);
    expect(stdout).toMatch(/bid of 0x[0-9a-f]{40}: \d+ gwei: wonPrimary/);
    expect(stdout).toMatch(/the job ends unproven: deadlinePassed/);
    expect(stdout).toMatch(/10 bad ones with 99\.9/);
    expect((await audit(folder, '--job', `0x${'00'.repeat(32)}.0`)).stdout).toMatch(/the log has no job/);
  });

  it('names the first divergence in a sentence', async () => {
    const bent = structuredClone(entries);
    const cleared = bent.find((entry) => entry.type === 'roundCleared')!;
    [cleared.awards[0]!.primary, cleared.awards[0]!.backup] = [cleared.awards[0]!.backup!, cleared.awards[0]!.primary];
    const { code, stdout } = await runCommandLine(
      ['audit', folderOf('bent', writeLog(bent)), '--state', join(home, 'other')],
      { cwd: home },
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /first divergence, rounds: entry \d+ \(roundCleared\): awards\.0\.primary\.prover: the rules say/,
    );
  });

  it('ends without a complaint when nobody reads on', async () => {
    const folder = folderOf('honest', writeLog(entries));
    const command = [process.execPath, PROGRAM, 'audit', folder, '--state', join(home, 'state')].join(' ');
    const { stderr } = await promisify(execFile)('sh', ['-c', `${command} | true`]);
    expect(stderr).toBe('');
  });

  it('says what is wrong with what it was given, and ends with 2 when there is no log to read', async () => {
    expect(await audit(join(home, 'nowhere'))).toMatchObject({ code: 2, stderr: expect.stringMatching(/no folder/) });
    mkdirSync(join(home, 'empty'));
    expect(await audit(join(home, 'empty'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/was it written by "understudy export"/),
    });
    expect((await audit('http://127.0.0.1:1')).code).toBe(2);
    expect(await audit(join(home, 'honest'), '--sample', '2')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/above 0 and at most 1/),
    });
    expect((await audit(join(home, 'honest'), '--help')).code).toBe(0);
    expect((await audit(join(home, 'honest'), '--since', join(home, 'state'))).code).toBe(2);
  });
});
