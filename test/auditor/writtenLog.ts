/** Logs as a coordinator publishes them, written from entries that may be anything: the lying coordinator's press. */

import { LogAudit } from '#auditor/auditLog.js';
import type { AuditOptions } from '#auditor/auditOptions.js';
import type { AuditReport } from '#auditor/auditReport.js';
import { readCheckpointNote, type SeenCheckpoint } from '#auditor/seenCheckpoints.js';
import { tileLogSource } from '#auditor/tileLogSource.js';
import { logPrefix, type TileSource } from '#auditor/tileSource.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { encodeEntryBundle } from '#protocol/log/entryBundle.js';
import { leafOf } from '#protocol/log/logLeaf.js';
import { leafHash, rootFromLeaves } from '#protocol/log/merkleTree.js';
import type { NoteSigner } from '#protocol/log/signedNote.js';
import { entryBundlePath, TILE_WIDTH } from '#protocol/log/tiles.js';
import { OPERATOR } from '../setup/testOperator.js';

/** The static files of a log, by path. */
export type Files = Map<string, Uint8Array>;

/** The key that the log names. */
const HONEST_SIGNER: NoteSigner = { key: OPERATOR.verifierKey, sign: OPERATOR.sign };

const SHORT_MAX = 65_535;

/** Writes tree and checkpoint over leaves, whatever they are, as their operator. */
export function writeLog(entries: readonly (Entry | string)[], signer: NoteSigner = HONEST_SIGNER): Files {
  const files: Files = new Map();
  const leaves = entries.map((entry) => {
    const text = typeof entry === 'string' ? entry : canonicalJson(entry);
    const leaf = leafOf(text);
    if (Buffer.byteLength(text) > SHORT_MAX)
      files.set(`entry/${JSON.parse(Buffer.from(leaf).toString()).sha256}`, Buffer.from(text));
    return leaf;
  });
  for (let first = 0; first < leaves.length; first += TILE_WIDTH) {
    const bundle = leaves.slice(first, first + TILE_WIDTH);
    const path = entryBundlePath({ index: first / TILE_WIDTH, width: bundle.length });
    files.set(path, encodeEntryBundle(bundle));
  }
  const rootHash = rootFromLeaves(leaves.map(leafHash));
  const checkpoint = { origin: signer.key.name, size: leaves.length, rootHash, extensionLines: [] };
  files.set('checkpoint', Buffer.from(signCheckpoint(checkpoint, [signer])));
  return files;
}

/** Writes the logs of a market, each by its own signer, laid out as a coordinator serves them. */
export function writeLogs(logs: readonly { entries: readonly Entry[]; signer: NoteSigner }[]): Files {
  const files: Files = new Map();
  for (const [number, { entries, signer }] of logs.entries()) {
    for (const [path, bytes] of writeLog(entries, signer)) files.set(`${logPrefix(number)}${path}`, bytes);
  }
  return files;
}

/** Serves files as a coordinator would. @param number - which log of the market, from 0 */
export function sourceOf(files: Files, number = 0): TileSource {
  const prefix = logPrefix(number);
  const read = async (path: string) => {
    const bytes = files.get(`${prefix}${path}`);
    if (!bytes) throw new Error(`there is no ${path}`);
    return new Uint8Array(bytes);
  };
  return {
    checkpoint: async () => Buffer.from(await read('checkpoint')).toString('utf8'),
    cosigned: async () =>
      files.has(`${prefix}cosigned`) ? Buffer.from(await read('cosigned')).toString('utf8') : null,
    bundle: (bundle) => read(entryBundlePath(bundle)),
    longEntry: (sha256) => read(`entry/${sha256}`),
    artifact: async () => null,
    next: async () => (files.has(`${logPrefix(number + 1)}checkpoint`) ? sourceOf(files, number + 1) : null),
  };
}

/** What an auditor remembers of a log that it has seen. */
export function seenOf(files: Files): SeenCheckpoint {
  const note = Buffer.from(files.get('checkpoint')!).toString('utf8');
  return { ...readCheckpointNote(note)!, logKey: OPERATOR.logKey, note };
}

/** The verifier of logs with placeholders for zkProofs: see `MarketDriver.deliver`. */
export const PLACEHOLDER_VERIFIER: AuditOptions['verifier'] = {
  verify: async ({ zkProof }) =>
    (zkProof as { variant?: string }).variant === '0'
      ? { valid: true }
      : { valid: false, code: 'equationFails', detail: 'a placeholder' },
};

/** Audits what was written, once. */
export async function auditOf(files: Files, options: Partial<AuditOptions> = {}): Promise<AuditReport> {
  const audit = new LogAudit(tileLogSource(sourceOf(files)), {
    verifier: PLACEHOLDER_VERIFIER,
    threads: 1,
    ...options,
  });
  try {
    return await audit.run();
  } finally {
    await audit.close();
  }
}

/** The checks that failed. */
export function failed(report: AuditReport): string[] {
  return report.checks.filter(({ flaws }) => flaws > 0).map(({ check }) => check);
}
