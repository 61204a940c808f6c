import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newPrivateKey } from '#agent/client/account.js';
import { openKeyFile } from '#agent/client/keyFile.js';
import { makeKeystore } from '#agent/client/keystore.js';
import { agentPaths } from '#agent/config.js';
import { CHECK_NAMES, type Check, type CheckName } from '#cli/agent/doctor/check.js';
import { runCommandLine } from '../setup/commandLine.js';
import { committedCircuit, OTHER } from './agentFixtures.js';
import { FAKE_MARKET, type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });

let folder: string;
let coordinator: FakeCoordinator;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-doctor-'));
  openKeyFile(join(folder, 'prover.json'));
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    listBlocks: () => ({ blocks: [] }),
    getScores: ({ params }) => ({
      ...{ prover: params.address, nowMs: Date.now(), scores: [] },
      line: {
        ...{ scoreOutcomesMin: 5, scoreOnTimePpmMin: 800_000, scoreLatencyPctMax: 150 },
        ...{ scoreReachablePpmMin: 900_000, recordWindowMs: 86_400_000, outcomesMax: 100 },
      },
    }),
  });
});

afterEach(async () => {
  await coordinator.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the doctor on a settings file with a few more lines. */
async function examine(lines: Partial<Record<string, string>> = {}, env: Record<string, string> = {}) {
  const sections = {
    market: `coordinator = "${coordinator.baseUrl}"`,
    key: 'file = "prover.json"',
    machine: 'data_dir = "data"',
    ...lines,
  };
  const text = Object.entries(sections).map(([name, line]) => `[${name}]\n${line}\n`);
  writeFileSync(join(folder, 'agent.toml'), text.join(''));
  const { code, stdout, stderr } = await runCommandLine(['agent', 'doctor', '--json'], { cwd: folder, env });
  if (stderr) throw new Error(stderr);
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
  return { code, ok, checks, of: (name: CheckName) => checks.find((one) => one.name === name) };
}

const account = (freeWei: bigint, more: object = {}) => {
  coordinator.handlers.getAccount = ({ params }) => ({
    ...{ address: params.address, freeWei: freeWei.toString(), bondedWei: '0', lastNonce: 0, prover: null },
    ...more,
  });
};

describe('understudy agent doctor', () => {
  it('says ok to everything on a machine that is ready, and changes nothing', async () => {
    const { code, ok, checks } = await examine();
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect([code, ok, checks.map(({ name }) => name)]).toEqual([0, true, [...CHECK_NAMES]]);
    const reads = ['getMarket', 'getAccount', 'getScores', 'listBlocks', 'listCircuits'];
    expect(new Set(coordinator.calls.map(({ name }) => name))).toEqual(new Set(reads));
    const { stdout } = await runCommandLine(['agent', 'doctor'], { cwd: folder });
    expect(stdout).toMatch(/^ok {3}key .*\n/);
    expect(stdout).toMatch(/\nAll is well\.\n$/);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it('names a coordinator that does not answer, and a clock that is off', async () => {
    const away = await examine({ market: 'coordinator = "http://127.0.0.1:1"' });
    expect([away.code, away.of('connection')]).toMatchObject([
      1,
      { ok: false, advice: expect.stringContaining('market.coordinator') },
    ]);
    coordinator.handlers.getMarket = () => ({ ...FAKE_MARKET, nowMs: Date.now() + 300_000 });
    const skewed = await examine();
    expect([skewed.code, skewed.of('clock')]).toMatchObject([1, { ok: false, advice: expect.stringContaining('NTP') }]);
    expect(skewed.of('clock')?.detail).toMatch(/^this clock is (29\d|30\d)\d{3} ms behind/);
  });

  it('says what a key lacks, and looks at the rest where a keystore says its address', async () => {
    chmodSync(join(folder, 'prover.json'), 0o644);
    expect((await examine()).of('key')).toMatchObject({ ok: false, detail: expect.stringContaining('chmod 600') });
    const store = makeKeystore(newPrivateKey(), 'swordfish', { n: 1_024, r: 8, p: 1 });
    writeFileSync(join(folder, 'wallet.json'), JSON.stringify(store));
    const key = 'file = "wallet.json"';
    const wrong = await examine({ key }, { UNDERSTUDY_KEY_PASSWORD: 'herring' });
    expect(wrong.of('key')).toMatchObject({ ok: false, detail: expect.stringContaining('password is wrong') });
    expect(wrong.of('money')?.ok).toBe(true);
    expect((await examine({ key }, { UNDERSTUDY_KEY_PASSWORD: 'swordfish' })).ok).toBe(true);
    const missing = await examine({ key: 'file = "none.json"' });
    expect(missing.of('key')).toMatchObject({ ok: false, detail: expect.stringContaining('is not there') });
  });

  it('names money that is short, a bond limit that is too low, a score below the line', async () => {
    account(10n ** 15n);
    const { of } = await examine();
    expect(of('money')).toMatchObject({
      ok: false,
      advice: expect.stringContaining('add at least 1100000000000000 wei'),
    });
    account(10n ** 24n);
    const { getScores } = coordinator.handlers;
    coordinator.handlers.getScores = (request) => ({
      ...(getScores!(request) as object),
      scores: [
        {
          ...{
            circuitId: circuit.circuitId,
            isEligible: false,
            flaws: ['onTime'],
            outcomes: 9,
            proven: 9,
            delivered: 2,
          },
          ...{ onTime: 2, onTimePpm: 222_222, latenessPct: [], outliers: 0, latencyPct: null },
          ...{ reachable: 9, reachablePpm: 1_000_000 },
        },
      ],
    });
    const limited = await examine({ limits: 'max_bond_wei = 5' });
    expect(limited.of('score')).toMatchObject({ ok: false, detail: expect.stringContaining('onTime') });
    expect(limited.of('money')).toMatchObject({ ok: false, advice: expect.stringContaining('limits.max_bond_wei') });
  });

  it('tells who has to sign a registration, and that an owner cannot be changed', async () => {
    const key = `file = "prover.json"\nowner = "${OTHER}"`;
    expect((await examine({ key })).of('registration')).toMatchObject({
      ok: false,
      advice: expect.stringContaining('agent authorize'),
    });
    account(10n ** 24n, { prover: { owner: OTHER, name: 'shed', challengesPassed: [] } });
    expect((await examine({ key })).of('registration')).toMatchObject({ ok: true });
    const changed = await examine({ key: `file = "prover.json"\nowner = "0x${'0c'.repeat(20)}"` });
    expect(changed.of('registration')).toMatchObject({ ok: false, detail: expect.stringContaining(OTHER) });
  });

  it('tells artifacts that will be fetched from damaged ones', async () => {
    expect((await examine()).of('artifacts')?.detail).toMatch(/^0 of 2 files .* will be fetched/);
    const cache = agentPaths(join(folder, 'data')).artifacts;
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, artifact.sha256.slice(2)), bytes);
    expect((await examine()).of('artifacts')?.detail).toBe('2 of 2 files are here with the right hash');
    writeFileSync(join(cache, artifact.sha256.slice(2)), 'or another');
    expect((await examine()).of('artifacts')).toMatchObject({ ok: false, advice: expect.stringContaining(cache) });
  });

  it('names memory, disk, circuits and backends that do not do', async () => {
    coordinator.handlers.listCircuits = () => ({
      circuits: [{ ...circuit, zkey: { ...artifact, bytes: 400 * 1_048_576 } }],
    });
    const large = await examine({ machine: 'data_dir = "data"\nslots = 64', circuits: 'memory_mb = 1048576' });
    expect(large.of('memory')).toMatchObject({ ok: false, advice: expect.stringContaining('machine.slots') });
    const limited = await examine({ circuits: 'zkey_max_mb = 1' });
    expect(limited.of('circuits')).toMatchObject({ ok: false, advice: expect.stringContaining('zkeyTooLarge') });
    const lost = await examine({ 'proving.backends': '"*" = "/nowhere/prover"\nother = "snarkjs"' });
    expect(lost.of('backends')).toMatchObject({ ok: false, detail: expect.stringContaining('/nowhere/prover') });
    writeFileSync(join(folder, 'taken'), '');
    const blocked = await examine({ machine: 'data_dir = "taken/data"' });
    expect(blocked.of('disk')).toMatchObject({ ok: false, advice: expect.stringContaining('machine.data_dir') });
  });
});
