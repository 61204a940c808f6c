/** A backup of a market's data folder, brought back: as the README says, with processes as an operator runs them. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey, randomBytes32 } from '#agent/client/account.js';
import { createClient } from '#protocol/client.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const account = accountOf(newPrivateKey()).address;
let home: string;
let cosigner: LiveProcess;
let cosignerFlag: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'understudy-restore-'));
  // The embedded server may run as another user, who has to reach its files.
  chmodSync(home, 0o711);
});

afterAll(async () => {
  await cosigner?.kill();
  rmSync(home, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
});

async function startCoordinator(folder: string, flags: string[] = []) {
  const process = new LiveProcess([
    'coordinator',
    '--data-dir',
    join(home, folder),
    '--port',
    '0',
    '--faucet',
    ...flags,
  ]);
  const up = await process.line(({ msg }) => msg === 'the coordinator is up', 'the coordinator is up');
  const client = createClient({ baseUrl: String(up.url), fetch, timeoutMs: 30_000 });
  return { process, client, url: String(up.url) };
}

type Running = Awaited<ReturnType<typeof startCoordinator>>;

async function fund({ client }: Running, amountWei: string): Promise<void> {
  await client.call('requestDeposit', { body: { address: account, amountWei, reference: randomBytes32() } });
}

async function stop({ process }: Running): Promise<void> {
  expect(await process.stop()).toBe(0);
}

/** Runs a command that must do what it is asked to, or say `refusal`. */
async function run(args: string[], refusal?: RegExp): Promise<void> {
  const command = new LiveProcess(args);
  await until(() => command.end !== null, args[0]!);
  expect(command.end, command.texts.join('\n')).toBe(refusal ? 1 : 0);
  if (refusal) expect(command.texts.join('\n')).toMatch(refusal);
}

const sizeOf = async ({ client }: Running) => (await client.call('getMarket', {})).treeSize;

it('carries on from the backup, and a cosigner sees that the newer log is gone', async () => {
  const first = await startCoordinator('market');
  const { logKey } = await first.client.call('getMarket', {});
  await fund(first, '5000');
  await stop(first);
  await run(['backup', join(home, 'backup'), '--data-dir', join(home, 'market')]);

  const args = ['cosign', '--name', 'cosigner.example', '--log-key', logKey, '--data-dir', join(home, 'cosigner')];
  cosigner = new LiveProcess([...args, '--port', '0']);
  const [key, where] = await until(() => (cosigner.texts.length >= 2 ? cosigner.texts : null), 'the cosigner');
  cosignerFlag = `${/http\S+/.exec(where!)![0]} ${key}`;

  const second = await startCoordinator('market', ['--cosigner', cosignerFlag]);
  await run(['backup', join(home, 'other'), '--data-dir', join(home, 'market')], /already running/);
  await fund(second, '700');
  const lostSize = await sizeOf(second);
  await until(
    async () => (await (await fetch(`${second.url}/log/cosigned`)).text()).includes(`\n${lostSize}\n`),
    'the newest checkpoint to be cosigned',
  );
  await stop(second);

  await run(['restore', join(home, 'backup'), '--data-dir', join(home, 'market')], /not empty/);
  await run(['backup', join(home, 'backup'), '--data-dir', join(home, 'market')], /there already/);
  rmSync(join(home, 'market'), { recursive: true });
  await run(['restore', join(home, 'backup'), '--data-dir', join(home, 'market')]);
  await run(['fsck', '--data-dir', join(home, 'market')]);

  const restored = await startCoordinator('market', ['--cosigner', cosignerFlag]);
  const { freeWei } = await restored.client.call('getAccount', { params: { address: account } });
  expect(freeWei).toBe('5000');
  expect(await sizeOf(restored)).toBeLessThan(lostSize);
  await restored.process.line(
    ({ reason }) => /was an older backup restored/.test(String(reason)),
    'the cosigner refuses',
  );
  await stop(restored);
});
