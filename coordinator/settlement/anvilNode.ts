import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The rules of Ethereum's main net: gas prices, and what the precompiled contracts cost, follow from them. */
export const ANVIL_HARDFORK = 'osaka';

/** The seed phrase of anvil's accounts, each rich and known to everybody: for play money only. */
export const ANVIL_MNEMONIC = 'test test test test test test test test test test test junk';

const START_MS_MAX = 20_000;
const LAST_LINES_MAX = 20;

/** The node cannot run on this machine: its binary is missing or does not start. */
export class AnvilUnavailableError extends Error {
  override readonly name = 'AnvilUnavailableError';
  readonly retryable = false;
}

/** A running EVM node of one's own, whose chain lives in its memory and ends with it. */
export interface AnvilNode {
  /** Of its JSON-RPC, on 127.0.0.1. */
  readonly url: string;
  readonly pid: number;
  /** Ends it, and resolves when it has ended. Safe to call twice. */
  stop(): Promise<void>;
}

/** How to start a node. */
export interface AnvilOptions {
  /** 0 for any free one. */
  port?: number;
  chainId?: number;
  /** Further arguments of anvil's command line, such as `--no-mining`. */
  args?: readonly string[];
}

/** The binary of this platform, from the package that npm installed for it. It needs no install script. */
export function anvilBinary(): string {
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${cpu}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil');
    if (existsSync(binary)) return binary;
  } catch {
    // Said below.
  }
  throw new AnvilUnavailableError(`The package ${name}, which holds the EVM node for this platform, is not installed.`);
}

/**
 * Starts `anvil` of Foundry, an EVM node, and waits until it listens. It ends with this process, unless that is killed.
 *
 * @throws AnvilUnavailableError when there is none for this platform, or it does not start
 */
export async function startAnvil({ port = 0, chainId = 31_337, args = [] }: AnvilOptions = {}): Promise<AnvilNode> {
  const own = ['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId)];
  const child = spawn(anvilBinary(), [...own, '--hardfork', ANVIL_HARDFORK, '--mnemonic', ANVIL_MNEMONIC, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  ended.then(() => process.removeListener('exit', kill));
  try {
    const url = await listeningUrl(child, ended);
    return {
      url,
      pid: child.pid!,
      stop: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}

/** Resolves when the node says where it listens. Its later lines are read and dropped, or its pipe would fill. */
function listeningUrl(child: ChildProcess, ended: Promise<void>): Promise<string> {
  const last: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new AnvilUnavailableError([`anvil ${what}.`, ...last].join('\n')));
    const timer = setTimeout(() => fail(`did not listen within ${START_MS_MAX} ms`), START_MS_MAX);
    const onLine = (line: string) => {
      last.push(line);
      if (last.length > LAST_LINES_MAX) last.shift();
      const [, address] = /^Listening on (127\.0\.0\.1:\d+)$/.exec(line) ?? [];
      if (!address) return;
      clearTimeout(timer);
      resolve(`http://${address}`);
    };
    createInterface({ input: child.stdout! }).on('line', onLine);
    createInterface({ input: child.stderr! }).on('line', onLine);
    ended.then(() => {
      clearTimeout(timer);
      fail('ended');
    });
  });
}
