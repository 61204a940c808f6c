import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { PROJECT_FOLDER } from './circuitFiles.js';

const fileRecordSchema = z.strictObject({
  /** Lower-case hexadecimal. */
  sha256: z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(1),
});

/** Size and hash of one file. */
export type FileRecord = z.infer<typeof fileRecordSchema>;

/** `manifest.json`: what the artifacts of a circuit are and where they come from. */
export const circuitManifestSchema = z.strictObject({
  format: z.literal('understudy-circuit-1'),
  name: z.string().max(64),
  protocol: z.literal('groth16'),
  curve: z.literal('bn128'),
  circuitId: z
    .string()
    .max(66)
    .regex(/^0x[0-9a-f]{64}$/),
  constraints: z.int().min(1),
  publicSignals: z.array(z.string().max(64)).max(64),
  transfersPerChunk: z.int().min(1),
  power: z.int().min(1).max(28),
  /** The committed artifacts, by name within the circuit's folder. */
  files: z.record(z.string().max(64), fileRecordSchema),
  /** The phase-1 transcript, prepared for phase 2. */
  phase1: fileRecordSchema,
  /** The constraint system, which is not committed: compiling the sources gives it back. */
  r1cs: fileRecordSchema,
  /** Versions of the packages that made the artifacts. */
  tools: z.record(z.string().max(64), z.string().max(64)),
  ceremony: z.array(z.string().max(400)).max(16),
});

export type CircuitManifest = z.infer<typeof circuitManifestSchema>;

/** Measures a file. Throws the file system's error when it cannot be read. */
export async function fileRecord(path: string): Promise<FileRecord> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return { sha256: hash.digest('hex'), bytes: (await stat(path)).size };
}

/** The installed versions of the packages that make the artifacts. */
export async function toolVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of ['circom2', 'circomlib', 'snarkjs']) {
    const text = await readFile(`${PROJECT_FOLDER}/node_modules/${name}/package.json`, 'utf8');
    versions[name] = (JSON.parse(text) as { version: string }).version;
  }
  return versions;
}

/** Reads a manifest; throws when it is missing or malformed. */
export async function readManifest(path: string): Promise<CircuitManifest> {
  return circuitManifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
}
