/** The mark of an import under way: a data folder that has it holds no market yet, and no coordinator may open one in it. */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isKeyFile } from './operatorKey.js';

const MARK_FILE = 'import-unfinished';

/** True for a folder whose import has not ended. */
export function isImporting(dataDir: string): boolean {
  return existsSync(join(dataDir, MARK_FILE));
}

/**
 * Marks a folder, and clears it of what an import that did not end has left. Keys stay: somebody may know them already.
 * @returns false when the folder holds something else than keys, and no mark: it is left as it is
 */
export function beginImport(dataDir: string): boolean {
  const left = readdirSync(dataDir).filter((name) => !isKeyFile(name));
  if (left.length > 0 && !isImporting(dataDir)) return false;
  writeFileSync(join(dataDir, MARK_FILE), 'An import into this folder did not end. Run "understudy import" again.\n');
  for (const name of left) if (name !== MARK_FILE) rmSync(join(dataDir, name), { recursive: true, force: true });
  return true;
}

/** The import is whole. */
export function endImport(dataDir: string): void {
  rmSync(join(dataDir, MARK_FILE));
}
