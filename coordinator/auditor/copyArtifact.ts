import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TileSource } from './tileSource.js';

/** A file of a circuit, as the log names it. */
export interface NamedArtifact {
  /** In hexadecimal. */
  sha256: string;
  bytes: number;
}

/** What is served as an artifact is another file. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
}

/**
 * Copies an artifact, of which never more is written than the log says that it has, and checks its hash.
 * @param path - where to; there it is whole or not at all
 * @returns false when the source does not have it
 * @throws ArtifactError when it is another file; Error when the source breaks off
 */
export async function copyArtifact(source: TileSource, path: string, artifact: NamedArtifact): Promise<boolean> {
  const pieces = await source.artifact(artifact.sha256);
  if (!pieces) return false;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  try {
    await writeChecked(draft, pieces, artifact);
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return true;
}

async function writeChecked(path: string, pieces: AsyncIterable<Uint8Array>, artifact: NamedArtifact): Promise<void> {
  const { sha256, bytes: bytesMax } = artifact;
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > bytesMax) throw new ArtifactError(`the artifact ${sha256} has more than its ${bytesMax} bytes`);
      hash.update(piece);
      await file.writeFile(piece);
    }
  } finally {
    await file.close();
  }
  if (hash.digest('hex') !== sha256) throw new ArtifactError(`the artifact served as ${sha256} has another hash`);
}
