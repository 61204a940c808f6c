import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { AGENT_SETTINGS, ConfigError } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { readAgentSettings } from '#agent/settings/agentSettings.js';
import { LiveSettings } from '#agent/settings/liveSettings.js';
import { nearestKey } from '#agent/settings/nearestKey.js';
import { settingsToml } from '#agent/settings/settingsToml.js';
import { BLOCK_ID, committedCircuit, slowProver, until } from './agentFixtures.js';
import { type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-settings-'));
  path = join(folder, 'agent.toml');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MINIMAL = '[market]\ncoordinator = "http://127.0.0.1:1"\n';
const read = (text: string, flags: Record<string, unknown> = {}) => {
  writeFileSync(path, text);
  return readAgentSettings({ file: path, flags });
};
const refusal = (text: string, flags: Record<string, unknown> = {}): string => {
  try {
    read(text, flags);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'not refused';
};

describe('a settings file', () => {
  it('gives what it says, defaults for the rest, and paths from its own folder', () => {
    const text = `${MINIMAL}name = "shed"\n[key]\nfile = "keys/prover.json"\n[machine]\ndata_dir = "~/agent"\nthreads = 2
[price]\njob_wei = "90000000000000000000"\nstandby_wei = 9_000_000_000_000_000_000\n[limits]\nfinish_ms = 0`;
    expect(read(text)).toMatchObject({
      ...{ coordinator: 'http://127.0.0.1:1', name: 'shed', keyFile: join(folder, 'keys/prover.json') },
      ...{ dataDir: join(homedir(), 'agent'), threads: 2, slots: 1, pool: true, finishMs: 0 },
      ...{ priceWei: 90_000_000_000_000_000_000n, standbyWei: 9_000_000_000_000_000_000n },
    });
    expect(read(MINIMAL).dataDir).toBeNull();
  });

  it('counts less than flags', () => {
    const flags = { threads: '4', coordinator: 'http://127.0.0.1:2/', pool: false, backends: ['*=rapidsnark'] };
    const settings = read(`${MINIMAL}[machine]\nthreads = 2\nslots = 3\n[proving.backends]\n"*" = "other"`, flags);
    expect(settings).toMatchObject({ threads: 4, slots: 3, coordinator: 'http://127.0.0.1:2', pool: false });
    expect(settings.backends.map(({ template }) => template?.program)).toEqual(['rapidsnark']);
  });

  it('is refused with file, line, key, what is allowed, and what may have been meant, all mistakes at once', () => {
    const told = refusal(`[market]
coordinator = "nowhere"
nmae = "x"
[machine]
threads = 99
slots = """
two"""
[price]
job_wei = -1
standby = 4
slots = 2
[prices]
job_wei = 4
[limits]
finish_ms = 1.5
[proving.backends]
transferRollup = "rapidsnark {wtns} {zkProof}"
`).split('\n');
    expect(told).toEqual([
      expect.stringMatching(/agent\.toml:2 market\.coordinator must be the address .* \(it is "nowhere"\)$/),
      `${path}:3 market.nmae is no setting; did you mean market.name?`,
      `${path}:5 machine.threads must be a whole number from 1 to 64 (it is 99)`,
      `${path}:6 machine.slots must be a whole number from 1 to 64 (it is "two")`,
      expect.stringMatching(/agent\.toml:9 price\.job_wei must be an amount in wei.*\(it is -1\)$/),
      `${path}:10 price.standby is no setting; did you mean price.standby_wei?`,
      `${path}:11 price.slots is no setting; did you mean machine.slots?`,
      `${path}:13 prices.job_wei is no setting; did you mean price.job_wei?`,
      `${path}:15 limits.finish_ms must be a whole number from 0 to 3600000 (it is 1.5)`,
      expect.stringMatching(/agent\.toml:17 proving\.backends\.transferRollup \{wtns\} is no placeholder/),
    ]);
  });

  it('is refused with line and column when it is no TOML, and said to be missing when it is', () => {
    expect(refusal('[market]\ncoordinator = \n')).toMatch(/agent\.toml:2:\d+ is no TOML/);
    expect(refusal('[market]\nname = "a"\nname = "b"\n')).toMatch(/agent\.toml:3:\d+ is no TOML/);
    expect(() => readAgentSettings({ file: join(folder, 'none.toml'), flags: {} })).toThrow(/understudy agent init/);
    expect(() => readAgentSettings({ file: folder, flags: {} })).toThrow(ConfigError);
    expect(refusal(`# ${'x'.repeat(70_000)}`)).toMatch(/larger than/);
  });

  it('says what is missing, and names a flag that is wrong', () => {
    expect(refusal('')).toMatch(
      /market\.coordinator is missing: write coordinator = .* under \[market\].*--coordinator/,
    );
    expect(refusal(MINIMAL, { threads: 'two' })).toBe('--threads must be a whole number from 1 to 64 (it is "two")');
    expect(() => readAgentSettings({ file: null, flags: {} })).toThrow(/--coordinator must be given/);
  });

  it('never shows what looks like a key', () => {
    const told = refusal(`${MINIMAL}[key]\nowner = "${newPrivateKey()}"\n`);
    expect(told).toMatch(/agent\.toml:4 key\.owner .*looks like a key/);
    expect(told).not.toMatch(/[0-9a-f]{64}/);
  });

  it('is refused, never a crash, whatever is in it', () => {
    const keys = fc.constantFrom(...AGENT_SETTINGS.map(({ key }) => key), 'market', 'price', '__proto__', 'a.b');
    const values = fc.constantFrom('1', '-1', '"x"', 'true', '[1]', '{ a = 1 }', '1979-05-27', '1.5', 'inf', '""');
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, values), { maxLength: 4 }), (lines) => {
        expect(refusal(lines.map(([key, value]) => `${key} = ${value}`).join('\n'))).not.toContain('undefined');
      }),
      { numRuns: 200 },
    );
  });
});

describe('the written settings file', () => {
  it('has every setting, gives the defaults as it stands, and with all comments opened too', () => {
    const text = settingsToml(AGENT_SETTINGS, { coordinator: 'http://127.0.0.1:1', dataDir: '/d' });
    const defaults = read(text);
    expect(defaults).toEqual(read(`${MINIMAL}[machine]\ndata_dir = "/d"`));
    const opened = text.replace(/^# (?=[a-z_]+ = |\[)/gm, '');
    expect(read(opened)).toMatchObject({ threads: 1, finishMs: defaults.finishMs, priceWei: 5_000_000_000_000n });
    for (const { key } of AGENT_SETTINGS) expect(text).toContain(key.split('.')[1]);
  });

  it('gives back the values that it was written from', () => {
    const values = { name: 'the "shed" \\', threads: 3, priceWei: 10n ** 30n, standbyWei: 7n, pool: false };
    const backends = { 'a.b': 'prog "x y" {witness} {zkProof}', '*': 'snarkjs' };
    const settings = read(settingsToml(AGENT_SETTINGS, { coordinator: 'http://127.0.0.1:1', ...values, backends }));
    expect(settings).toMatchObject(values);
    expect(settings.backends.map(({ circuit }) => circuit)).toEqual(['a.b', '*']);
  });
});

it('a misspelt key is told from one that is nothing known', () => {
  const keys = AGENT_SETTINGS.map(({ key }) => key);
  expect(nearestKey('machine.thread', keys)).toBe('machine.threads');
  expect(nearestKey('witness.memory', keys)).toBe('witness.memory_mb');
  expect(nearestKey('market.colour', keys)).toBeNull();
});

it('live settings take what counts at once, and name what needs a restart', () => {
  const config = { ...read(MINIMAL), dataDir: folder };
  const live = new LiveSettings(config);
  expect(live.take({ ...config, priceWei: 5n, threads: 2 })).toEqual({
    changed: ['price.job_wei'],
    needRestart: ['machine.threads'],
  });
  expect([live.current.priceWei, live.current.threads]).toEqual([5n, 1]);
  expect(live.take({ ...config, priceWei: 5n })).toEqual({ changed: [], needRestart: [] });
});

describe('a running agent', () => {
  const bytes = Buffer.from('an artifact');
  const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
  const circuit = committedCircuit({ wasm: artifact, zkey: artifact });
  const events: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const stop = new AbortController();
  let coordinator: FakeCoordinator;
  let running: Promise<void> = Promise.resolve();

  afterEach(async () => {
    stop.abort();
    await running;
    await coordinator.close();
  });

  const openRound = (index: number) =>
    coordinator.publish({
      type: 'roundOpened',
      atMs: Date.now(),
      ...{ roundId: `${BLOCK_ID}.r${index}`, blockId: BLOCK_ID, circuitId: circuit.circuitId, step: index },
      ...{ jobIds: [`${BLOCK_ID}.${index}`], parametersVersion: 1, sealing: 'receipt' },
      ...{ maxPriceWei: (10n ** 18n).toString(), deadlineMs: Date.now() + 60_000, closesAtMs: Date.now() + 30_000 },
    });
  const bids = () => coordinator.calls.filter(({ name }) => name === 'placeBid').map(({ request }) => request.body);
  const told = (event: string) => events.find((one) => one.event === event)?.fields;

  it('bids by the new price of an edited file, keeps the old ones of a wrong edit, and names what needs a restart', async () => {
    coordinator = await startFakeCoordinator({
      listCircuits: () => ({ circuits: [circuit] }),
      getArtifact: () => bytes,
    });
    const textOf = (price: string) =>
      `[market]\ncoordinator = "${coordinator.baseUrl}"\n[machine]\ndata_dir = "data"\n${price}`;
    const readConfig = () => ({ ...readAgentSettings({ file: path, flags: {} }), dataDir: join(folder, 'data') });
    writeFileSync(path, textOf('[price]\njob_wei = 111'));
    const log = (event: string, fields = {}) => void events.push({ event, fields });
    running = runAgent(readConfig(), {
      ...{ account: accountOf(newPrivateKey()), log, signal: stop.signal, createProver: slowProver(5) },
      watched: { path, read: readConfig },
    });
    await until(() => told('feedConnected') !== undefined, 'the feed');
    openRound(0);
    await until(() => bids().length === 1, 'the first bid');
    writeFileSync(path, textOf('[price]\njob_wei = 1.5'));
    await until(() => told('settingsRefused') !== undefined, 'the refusal of the edit');
    expect(told('settingsRefused')?.reason).toMatch(/agent\.toml:6 price\.job_wei must be an amount/);
    openRound(1);
    await until(() => bids().length === 2, 'the second bid');
    writeFileSync(path, textOf('threads = 2\n[price]\njob_wei = 2222'));
    await until(() => told('settingsNeedRestart') !== undefined, 'the change');
    expect(told('settingsChanged')).toEqual({ settings: ['price.job_wei'] });
    expect(told('settingsNeedRestart')).toEqual({ settings: ['machine.threads'] });
    openRound(2);
    await until(() => bids().length === 3, 'the third bid');
    expect(bids().map(({ message }) => message.priceWei)).toEqual(['111', '111', '2222']);
  });
});
