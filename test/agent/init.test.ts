import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { openKeyFile } from '#agent/client/keyFile.js';
import { makeKeystore } from '#agent/client/keystore.js';
import { readAgentSettings } from '#agent/settings/agentSettings.js';
import { findHardware, recommendedPlan } from '#cli/agent/hardware.js';
import { ask, askHidden, QuestionsEnded } from '#cli/agent/terminal.js';
import { checkSigner } from '#protocol/signature.js';
import { digestOf } from '#protocol/typedData.js';
import { runCommandLine } from '../setup/commandLine.js';
import { FAKE_MARKET, type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

let folder: string;
let coordinator: FakeCoordinator;
const inFolder = (name: string) => join(folder, name);
const agent = (args: string[], env: Record<string, string> = {}) =>
  runCommandLine(['agent', ...args], { cwd: folder, env });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-init-'));
  coordinator = await startFakeCoordinator({});
});

afterEach(async () => {
  await coordinator.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('understudy agent init', () => {
  it('writes a file and a key without a terminal, which the agent can be run with', async () => {
    const args = ['init', '--yes', '--coordinator', coordinator.baseUrl, '--name', 'shed', '--price-wei', '5000'];
    const { code, stdout, stderr } = await agent([...args, '--backend', '*=rapidsnark', '--no-pool']);
    expect([code, stderr]).toEqual([0, '']);
    const settings = readAgentSettings({ file: inFolder('agent.toml'), flags: {} });
    const { slots } = recommendedPlan(findHardware());
    expect(settings).toMatchObject({ name: 'shed', priceWei: 5_000n, pool: false, threads: 1, slots });
    expect(settings.backends.map(({ circuit }) => circuit)).toEqual(['*']);
    expect(settings.keyFile).toBe(inFolder('prover.json'));
    expect(stdout).toContain(openKeyFile(inFolder('prover.json')).address);
    expect(readFileSync(inFolder('agent.toml'), 'utf8')).not.toMatch(/0x[0-9a-f]{64}/);
  });

  it('overwrites nothing unless told, and keys never', async () => {
    const args = ['init', '--yes', '--coordinator', coordinator.baseUrl];
    await agent(args);
    const [file, key] = [readFileSync(inFolder('agent.toml')), readFileSync(inFolder('prover.json'))];
    const again = await agent([...args, '--name', 'other']);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('--force')]);
    expect(readFileSync(inFolder('agent.toml'))).toEqual(file);
    expect((await agent([...args, '--name', 'other', '--force'])).code).toBe(0);
    expect(readFileSync(inFolder('agent.toml'), 'utf8')).toContain('name = "other"');
    expect(readFileSync(inFolder('prover.json'))).toEqual(key);
  });

  it('takes a keystore with its password from a file or the environment, and makes new keys under one', async () => {
    const key = newPrivateKey();
    writeFileSync(inFolder('wallet.json'), JSON.stringify(makeKeystore(key, 'swordfish', { n: 1_024, r: 8, p: 1 })));
    const args = ['init', '--yes', '--offline', '--force', '--coordinator', 'http://127.0.0.1:1'];
    const wallet = [...args, '--key-file', 'wallet.json'];
    expect((await agent(wallet)).stderr).toMatch(/UNDERSTUDY_KEY_PASSWORD/);
    expect((await agent(wallet, { UNDERSTUDY_KEY_PASSWORD: 'wrong' })).stderr).toMatch(/password is wrong/);
    expect((await agent(wallet, { UNDERSTUDY_KEY_PASSWORD: 'swordfish' })).stdout).toContain(accountOf(key).address);
    writeFileSync(inFolder('password'), 'sesame\n', { mode: 0o600 });
    const made = await agent([...args, '--key-file', 'new.json', '--password-file', 'password']);
    expect(made.stdout).toContain(openKeyFile(inFolder('new.json'), 'sesame').address);
    expect(statSync(inFolder('new.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(inFolder('agent.toml'), 'utf8')).not.toContain('sesame');
  });

  it('refuses what cannot be used, and leaves nothing behind', async () => {
    for (const [args, reason] of [
      [['--yes'], /--coordinator/],
      [['--yes', '--coordinator', 'nowhere'], /must be the address/],
      [['--yes', '--coordinator', coordinator.baseUrl, '--threads', '0'], /from 1 to 64/],
      [['--yes', '--coordinator', 'http://127.0.0.1:1'], /no answer.*--offline/s],
    ] as const) {
      const { code, stderr } = await agent(['init', ...args]);
      expect([code === 0, stderr]).toEqual([false, expect.stringMatching(reason)]);
    }
    expect([existsSync(inFolder('agent.toml')), existsSync(inFolder('prover.json'))]).toEqual([false, false]);
  });
});

describe('understudy agent authorize', () => {
  const domain = { chainId: FAKE_MARKET.chainId, coordinatorId: FAKE_MARKET.coordinatorId as `0x${string}` };

  it('has the owner sign elsewhere for a prover whose key it never sees', async () => {
    const owner = openKeyFile(inFolder('owner.json'));
    const flags = ['--coordinator', coordinator.baseUrl, '--name', 'shed', '--key-file', 'prover.json'];
    const asked = await agent(['authorize', ...flags, '--owner', owner.address]);
    expect([asked.code, asked.stdout]).toEqual([0, expect.stringContaining(owner.address)]);
    const early = await agent(['authorize', '--request', 'registration.json', '--submit']);
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('has not signed it yet')]);
    const wrong = await agent(['authorize', '--request', 'registration.json', '--owner-key-file', 'prover.json']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining(`names the owner ${owner.address}`)]);
    const signing = ['authorize', '--request', 'registration.json', '--owner-key-file', 'owner.json', '--submit'];
    const signed = await agent(signing);
    expect([signed.code, signed.stderr]).toEqual([0, '']);
    const { body } = coordinator.calls.find(({ name }) => name === 'registerProver')!.request;
    const digest = digestOf(domain, 'ProverRegistration', body.message);
    const prover = openKeyFile(inFolder('prover.json')).address;
    expect(body.message).toMatchObject({ prover, owner: owner.address, name: 'shed' });
    expect(checkSigner(digest, body.signature, prover)).toBeNull();
    expect(checkSigner(digest, body.ownerSignature, owner.address)).toBeNull();
  });

  it('refuses a registration that somebody has changed on the way', async () => {
    const flags = ['--coordinator', coordinator.baseUrl, '--key-file', 'prover.json'];
    await agent(['authorize', ...flags, '--owner', openKeyFile(inFolder('owner.json')).address]);
    const text = readFileSync(inFolder('registration.json'), 'utf8');
    writeFileSync(inFolder('registration.json'), text.replace('"name": "prover"', '"name": "thief"'));
    const signing = ['authorize', '--request', 'registration.json', '--owner-key-file', 'owner.json'];
    expect((await agent(signing)).stderr).toMatch(/has not signed it/);
  });
});

describe('a question', () => {
  const terminalOf = (text: string) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const shown: string[] = [];
    output.on('data', (chunk) => shown.push(String(chunk)));
    input.write(text);
    return { terminal: { input, output }, shown: () => shown.join('') };
  };

  it('is asked again until the answer can be used, and takes the default for an empty one', async () => {
    const check = (answer: string) => {
      if (!/^\d+$/.test(answer)) throw new Error('a number, please');
      return Number(answer);
    };
    const { terminal, shown } = terminalOf('two\n');
    terminal.output.on('data', (text) => {
      if (String(text).includes('a number, please')) terminal.input.write('\n');
    });
    expect(await ask('How many', '7', check, terminal)).toBe(7);
    expect(shown()).toContain('a number, please');
  });

  it('shows nothing of a hidden answer, and can be corrected', async () => {
    const { terminal, shown } = terminalOf('swordx\u007ffish\r');
    expect(await askHidden('Password: ', terminal)).toBe('swordfish');
    expect(shown()).toBe('Password: \n');
    await expect(askHidden('Password: ', terminalOf('abc\u0003').terminal)).rejects.toThrow(QuestionsEnded);
  });
});
