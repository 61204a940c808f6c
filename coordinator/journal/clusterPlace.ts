import { statSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ROOT_SHARED_FOLDER, type ServerUser } from './postgresNatives.js';

const DRAFT_PREFIX = 'cluster-';

/**
 * Puts a database cluster at `<dataDir>/cluster`: made beside the final place and renamed, so that a start that was cut off
 * leaves no half cluster. When the server runs as another user, who cannot reach the data folder, the cluster is made below
 * /var/lib/understudy, and its place is a link.
 * @param make - makes the cluster at `fresh`, a path in the folder `draft`, which belongs to the server's user
 */
export async function placeCluster(
  dataDir: string,
  user: ServerUser | undefined,
  make: (fresh: string, draft: string) => Promise<void>,
): Promise<void> {
  const cluster = join(dataDir, 'cluster');
  await rm(cluster, { force: true, recursive: true });
  if (user && isTraversable(dirname(dataDir))) await chmod(dataDir, 0o711);
  const direct = !user || isTraversable(dataDir);
  if (!direct) await mkdir(ROOT_SHARED_FOLDER, { recursive: true, mode: 0o755 });
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(DRAFT_PREFIX)) await rm(join(dataDir, name), { recursive: true });
  }
  const draft = await mkdtemp(join(direct ? dataDir : ROOT_SHARED_FOLDER, DRAFT_PREFIX));
  const fresh = join(draft, 'cluster');
  if (user) await chown(draft, user.uid, user.gid);
  await make(fresh, draft);
  if (direct) {
    await rename(fresh, cluster);
    await rm(draft, { recursive: true });
  } else {
    await symlink(fresh, cluster);
  }
}

/** True when every user may pass through the folder and all above it. */
function isTraversable(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
