/**
 * Backup and restore of a data folder with the embedded database. A plain copy of the folder would not do: when root runs the
 * coordinator, the database lies elsewhere and the folder holds a link to it.
 */
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { placeCluster } from './clusterPlace.js';
import { claimDataDir, clearOrphans, OWNER_FILE } from './dataDirOwner.js';
import { chooseServerUser, type ServerUser } from './postgresNatives.js';

/** A folder that is not what it has to be; the message says what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

const DATABASE = 'postgres';
const CLUSTER = join(DATABASE, 'cluster');

/**
 * Copies a data folder, database included, while no coordinator runs on it.
 * @param target - must not exist; appears whole or not at all
 * @throws BackupError; AlreadyRunningError while a coordinator runs
 */
export async function backUp(dataDir: string, target: string): Promise<void> {
  const place = join(dataDir, CLUSTER);
  if (!existsSync(join(place, 'PG_VERSION'))) throw new BackupError(`there is no embedded database in ${dataDir}`);
  if (existsSync(target)) throw new BackupError(`${target} is there already: name a new folder`);
  const release = await claimDataDir(resolve(dataDir, DATABASE));
  try {
    await clearOrphans(await realpath(place));
    const draft = `${target}.new`;
    await rm(draft, { recursive: true, force: true });
    await cp(dataDir, draft, { recursive: true, dereference: true, filter: (path) => !path.endsWith(OWNER_FILE) });
    await rename(draft, target);
  } finally {
    await release();
  }
}

/**
 * Brings a backup back as a data folder.
 * @param dataDir - must be missing or empty
 * @throws BackupError
 */
export async function restore(backup: string, dataDir: string): Promise<void> {
  const source = resolve(backup, CLUSTER);
  if (!existsSync(join(source, 'PG_VERSION'))) throw new BackupError(`${backup} is no backup of a data folder`);
  if (existsSync(dataDir) && (await readdir(dataDir)).length > 0) {
    throw new BackupError(`${dataDir} is not empty: move it away first, so that nothing is lost`);
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await cp(backup, dataDir, { recursive: true, filter: (path) => resolve(path) !== source });
  const user = chooseServerUser();
  await placeCluster(resolve(dataDir, DATABASE), user, async (fresh) => {
    await cp(source, fresh, { recursive: true });
    if (user) await giveTo(user, fresh);
  });
}

async function giveTo(user: ServerUser, folder: string): Promise<void> {
  await chown(folder, user.uid, user.gid);
  for (const entry of await readdir(folder, { recursive: true })) await chown(join(folder, entry), user.uid, user.gid);
}
