/** A folder that `understudy export` wrote, or any copy of a log's static files, as a source of tiles. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { entryBundlePath } from '#protocol/log/tiles.js';
import { fileOf, filePiecesOf } from './boundedRead.js';
import { MIRROR_PATHS } from './mirrorLog.js';
import { LOG_FILE_BYTES_MAX, logPrefix, type TileSource } from './tileSource.js';

/** Reads a log from a folder. @param folder - laid out as /log is served, of which this is log `number`; throws Error without it */
export function folderTileSource(folder: string, number = 0): TileSource {
  const log = join(folder, logPrefix(number));
  const read = async (path: string, bytesMax: number): Promise<Uint8Array> => {
    try {
      return await fileOf(log, path, bytesMax);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw new Error(message);
      throw new Error(`${log} has no readable ${path} (${code}): was it written by "understudy export"?`);
    }
  };
  const { note, bundle: bundleMax, longEntry: longMax } = LOG_FILE_BYTES_MAX;
  return {
    checkpoint: async () => Buffer.from(await read(MIRROR_PATHS.checkpoint, note)).toString('utf8'),
    cosigned: async () => {
      const hasOne = existsSync(join(log, MIRROR_PATHS.cosigned));
      return hasOne ? Buffer.from(await read(MIRROR_PATHS.cosigned, note)).toString('utf8') : null;
    },
    bundle: (bundle) => read(entryBundlePath(bundle), bundleMax),
    longEntry: (sha256) => read(MIRROR_PATHS.entry(sha256), longMax),
    artifact: (sha256) => filePiecesOf(folder, MIRROR_PATHS.blob(sha256)),
    next: async () => {
      const path = join(folder, logPrefix(number + 1), MIRROR_PATHS.checkpoint);
      return existsSync(path) ? folderTileSource(folder, number + 1) : null;
    },
  };
}
