import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { canonicalBytes } from '#protocol/log/canonicalJson.js';
import { openCheckpoint, signCheckpoint } from '#protocol/log/checkpoint.js';
import { consistencyProof } from '#protocol/log/consistencyProof.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { encodeEntryBundle } from '#protocol/log/entryBundle.js';
import { inclusionProof } from '#protocol/log/inclusionProof.js';
import { formatVerifierKey } from '#protocol/log/verifierKey.js';
import { signerFromSeed } from './ed25519Signer.js';
import { growTree } from './grownTree.js';
import { toHex } from './merkleVectors.js';

const page = readFileSync(new URL('../../coordinator/protocol/log/FORMAT.md', import.meta.url), 'utf8');
const signer = signerFromSeed('understudy.example/market', new Uint8Array(32).fill(7));
const entries = [
  { type: 'example', note: 'first', priceWei: '1000000000000000000' },
  { type: 'example', note: 'second €', atMs: 1767225600000 },
  { type: 'example', note: 'third' },
].map(canonicalBytes);
const tree = growTree(entries);

describe('the example of log/FORMAT.md', () => {
  it('has the entries, leaf hashes and roots that its entries give', () => {
    entries.forEach((entry, i) => {
      const leaf = `   leaf ${toHex(tree.leafHashes[i]!)}\n   root ${toHex(tree.roots[i + 1]!)}\n`;
      expect(page).toContain(`${i}  ${new TextDecoder().decode(entry)}\n${leaf}`);
    });
  });

  it('has the signed checkpoint and the vkey', () => {
    const checkpoint = { origin: signer.key.name, size: 3, rootHash: tree.roots[3]!, extensionLines: [] };
    const note = signCheckpoint(checkpoint, [signer]);
    expect(page).toContain(`\`\`\`\n${note}\`\`\`\n`);
    expect(page).toContain(`\`\`\`\n${formatVerifierKey(signer.key)}\n\`\`\`\n`);
    const trust = { origin: signer.key.name, logKeys: [signer.key] };
    expect(openCheckpoint(note, trust, verifyEd25519)).toEqual({ ok: true, checkpoint, signedBy: [signer.key] });
  });

  it('has both proofs and the entry bundle', () => {
    const gap = ' '.repeat('consistencyProof  '.length);
    expect(page).toContain(`inclusionProof    ${inclusionProof(0, 3, tree.readNode).map(toHex).join(`\n${gap}`)}\n`);
    expect(page).toContain(`consistencyProof  ${consistencyProof(2, 3, tree.readNode).map(toHex).join()}\n`);
    const bundle = page.split('tile/entries/000.p/3')[1]!.split('```')[1]!.replaceAll('\n', '');
    expect(bundle).toBe(toHex(encodeEntryBundle(entries)));
  });
});
