/** A folder that `understudy export` wrote, or any copy of a log's static files, as a source of tiles. */
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entryBundlePath } from '#protocol/log/tiles.js';
import { MIRROR_PATHS } from './mirrorLog.js';
import type { TileSource } from './tileSource.js';

/** Reads a log from a folder. @param folder - laid out as /log is served; throws Error when it holds no checkpoint */
export function folderTileSource(folder: string): TileSource {
  const read = async (path: string): Promise<Uint8Array> => {
    try {
      return new Uint8Array(await readFile(join(folder, path)));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(`${folder} has no readable ${path} (${code}): was it written by "understudy export"?`);
    }
  };
  return {
    checkpoint: async () => Buffer.from(await read(MIRROR_PATHS.checkpoint)).toString('utf8'),
    cosigned: async () => {
      const hasOne = existsSync(join(folder, MIRROR_PATHS.cosigned));
      return hasOne ? Buffer.from(await read(MIRROR_PATHS.cosigned)).toString('utf8') : null;
    },
    bundle: (bundle) => read(entryBundlePath(bundle)),
    longEntry: (sha256) => read(MIRROR_PATHS.entry(sha256)),
    artifact: async (sha256) => {
      const path = join(folder, MIRROR_PATHS.blob(sha256));
      return existsSync(path) ? createReadStream(path) : null;
    },
  };
}
