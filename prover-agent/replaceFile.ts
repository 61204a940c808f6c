import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts a text in the place of a file in one step, off this thread. Never throws: what cannot be written leaves the file as it
 * was. Calls for one file must come one after the other.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.aside`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(fresh, text);
    await rename(fresh, path);
  } catch {
    // What cannot be written may not be removable either.
    await rm(fresh, { force: true }).catch(() => undefined);
  }
}
