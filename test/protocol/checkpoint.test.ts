import { createPublicKey, verify as platformVerify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from '#protocol/log/base64.js';
import {
  type Checkpoint,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import {
  formatSignedNote,
  NOTE_SIGNATURES_MAX,
  openSignedNote,
  parseSignedNote,
  signNoteText,
} from '#protocol/log/signedNote.js';
import { ed25519VerifierKey, formatVerifierKey, keyIdText, parseVerifierKey } from '#protocol/log/verifierKey.js';
import { signerFromSeed } from './ed25519Signer.js';
import { fromHex, ROOT_HASHES, toHex } from './merkleVectors.js';

// Source: golang.org/x/mod/sumdb/note, note_test.go (BSD-3-Clause)
const PETER_VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETER_SEED_BASE64 = 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const ENOCH_VKEY = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const TEXT =
  'If you think cryptography is the answer to your problem,\n' + "then you don't know what your problem is.\n";
const PETER_LINE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const ENOCH_LINE =
  '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
const PETER = parseVerifierKey(PETER_VKEY)!;
const ENOCH = parseVerifierKey(ENOCH_VKEY)!;

const LOG = signerFromSeed('understudy.example/market', new Uint8Array(32).fill(7));
const COSIGNER = signerFromSeed('cosigner.example', new Uint8Array(32).fill(8));
const HEAD: Checkpoint = {
  origin: LOG.key.name,
  size: 8,
  rootHash: fromHex(ROOT_HASHES[8]!),
  extensionLines: [],
};

describe('base64', () => {
  it('is the platform encoding, and is read in its canonical form only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
      }),
    );
    for (const text of ['A', 'AA', 'AB==', 'AA=', ' AA==', 'AA==\n', 'A-A=', 'AAAA=', '€']) {
      expect(decodeBase64(text), text).toBeUndefined();
    }
  });
});

describe('verifier keys', () => {
  it('read and write the published vkeys', () => {
    expect(PETER.name).toBe('PeterNeumann');
    expect(keyIdText(PETER.keyId)).toBe('c74f20a3');
    expect(formatVerifierKey(PETER)).toBe(PETER_VKEY);
    expect(formatVerifierKey(ENOCH)).toBe(ENOCH_VKEY);
  });

  it('refuse every mangled vkey', () => {
    for (let start = 0; start <= PETER_VKEY.length; start++) {
      for (let end = start; end <= PETER_VKEY.length; end++) {
        if (start === 0 && end === PETER_VKEY.length) continue;
        expect(parseVerifierKey(PETER_VKEY.slice(start, end))).toBeUndefined();
      }
    }
    for (let i = 0; i < PETER_VKEY.length; i++) {
      const next = String.fromCharCode(PETER_VKEY.charCodeAt(i) + 1);
      expect(parseVerifierKey(PETER_VKEY.slice(0, i) + next + PETER_VKEY.slice(i + 1))).toBeUndefined();
    }
    // A key of the wrong length and one of an unknown type, each with the id that would fit it.
    expect(parseVerifierKey('PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==')).toBe(
      undefined,
    );
    expect(parseVerifierKey('PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')).toBeUndefined();
  });

  it('refuse names that a note cannot carry', () => {
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u00a0b', 'a\u2003b', 'a\u0001b', '\ud800']) {
      expect(() => ed25519VerifierKey(name, PETER.publicKey)).toThrow(RangeError);
    }
    expect(() => ed25519VerifierKey('name', new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('verifyEd25519', () => {
  it('agrees with the platform on good and altered signatures', () => {
    const message = new TextEncoder().encode(TEXT);
    const signature = LOG.sign(message);
    const { publicKey } = LOG.key;
    expect(verifyEd25519(publicKey, message, signature)).toBe(true);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
    const platformKey = createPublicKey({ key: jwk, format: 'jwk' });
    for (let bit = 0; bit < 512; bit += 37) {
      const altered = signature.slice();
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyEd25519(publicKey, message, altered)).toBe(false);
      expect(platformVerify(null, message, platformKey, altered)).toBe(false);
    }
  });

  it('is false for input of any other shape, and for a key of small order that would sign anything', () => {
    const message = new Uint8Array(3);
    expect(verifyEd25519(new Uint8Array(31), message, new Uint8Array(64))).toBe(false);
    expect(verifyEd25519(LOG.key.publicKey, message, new Uint8Array(63))).toBe(false);
    const neutral = new Uint8Array(32);
    neutral[0] = 1;
    expect(verifyEd25519(neutral, message, new Uint8Array([...neutral, ...new Uint8Array(32)]))).toBe(false);
  });
});

describe('signed notes', () => {
  it('sign the published text to the published note', () => {
    const peter = signerFromSeed('PeterNeumann', decodeBase64(PETER_SEED_BASE64)!.slice(1));
    expect(formatVerifierKey(peter.key)).toBe(PETER_VKEY);
    const note = formatSignedNote({ text: TEXT, signatures: [signNoteText(TEXT, peter)] });
    expect(note).toBe(`${TEXT}\n${PETER_LINE}`);
  });

  it('open with the keys that are trusted, and ignore the signatures of others', () => {
    const note = `${TEXT}\n${PETER_LINE}${ENOCH_LINE}`;
    expect(openSignedNote(note, [PETER], verifyEd25519)).toEqual({ ok: true, text: TEXT, signedBy: [PETER] });
    const both = openSignedNote(new TextEncoder().encode(note), [ENOCH, PETER], verifyEd25519);
    expect(both).toEqual({ ok: true, text: TEXT, signedBy: [PETER, ENOCH] });
    expect(openSignedNote(note, [], verifyEd25519)).toEqual({ ok: false, reason: 'noKnownSignature' });
    const twice = openSignedNote(`${TEXT}\n${PETER_LINE}${PETER_LINE}${ENOCH_LINE}`, [PETER], verifyEd25519);
    expect(twice).toEqual({ ok: true, text: TEXT, signedBy: [PETER] });
  });

  it('are refused whole when a trusted key has a wrong signature, even beside a right one', () => {
    const wrong = `${PETER_LINE.slice(0, 60)}ABCD${PETER_LINE.slice(60)}`;
    for (const lines of [wrong, wrong + ENOCH_LINE, PETER_LINE + wrong]) {
      const opened = openSignedNote(`${TEXT}\n${lines}`, [PETER, ENOCH], verifyEd25519);
      expect(opened).toEqual({ ok: false, reason: 'invalidSignature' });
    }
    const opened = openSignedNote(`${TEXT.replace('If', 'Of')}\n${PETER_LINE}`, [PETER], verifyEd25519);
    expect(opened).toEqual({ ok: false, reason: 'invalidSignature' });
  });

  it('are refused when two trusted keys answer to one name and id, if the note names them', () => {
    const note = `${TEXT}\n${ENOCH_LINE}`;
    expect(openSignedNote(note, [ENOCH, PETER, ENOCH], verifyEd25519)).toEqual({ ok: false, reason: 'ambiguousKey' });
    expect(openSignedNote(`${TEXT}\n${PETER_LINE}`, [ENOCH, PETER, ENOCH], verifyEd25519).ok).toBe(true);
  });

  it('keep empty lines in the text: the last one divides', () => {
    const text = 'one\n\n— two three\n\nfour\n';
    const note = formatSignedNote({ text, signatures: [signNoteText(text, LOG)] });
    expect(openSignedNote(note, [LOG.key], verifyEd25519)).toMatchObject({ ok: true, text });
  });

  it('are malformed in every other form', () => {
    const malformed: (string | Uint8Array)[] = [
      '',
      '\n',
      '\n\n',
      TEXT,
      `${TEXT}\n`,
      `${TEXT}${PETER_LINE}`,
      `${TEXT}\n${PETER_LINE.slice(0, -1)}`,
      `\u0001${TEXT}\n${PETER_LINE}`,
      `${TEXT}\r\n${PETER_LINE}`,
      `\ud800${TEXT}\n${PETER_LINE}`,
      `${TEXT}\n${PETER_LINE}Unexpected line.\n`,
      `${TEXT}\n${PETER_LINE}\n`,
      `${TEXT}\n${PETER_LINE.replace('PeterNeumann', 'Bad Name')}`,
      `${TEXT}\n${PETER_LINE.replace('PeterNeumann', 'Bad+Name')}`,
      `${TEXT}\n${PETER_LINE.replace('PeterNeumann', '')}`,
      `${TEXT}\n${PETER_LINE.replace('— ', '- ')}`,
      `${TEXT}\n${PETER_LINE.replace('=', '')}`,
      `${TEXT}\n— PeterNeumann x08gow==\n`,
      `${TEXT}\n${PETER_LINE.repeat(NOTE_SIGNATURES_MAX + 1)}`,
      new Uint8Array([0xff, ...new TextEncoder().encode(`${TEXT}\n${PETER_LINE}`)]),
      new Uint8Array(2_000_000).fill(0x0a),
    ];
    for (const note of malformed) {
      expect(parseSignedNote(note)).toBeUndefined();
      expect(openSignedNote(note, [PETER], verifyEd25519)).toEqual({ ok: false, reason: 'malformedNote' });
    }
    expect(parseSignedNote(`${TEXT}\n${PETER_LINE.repeat(NOTE_SIGNATURES_MAX)}`)).toBeDefined();
  });

  it('never throw on any text or bytes', () => {
    const someNote = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array());
    fc.assert(fc.property(someNote, (note) => openSignedNote(note, [PETER], verifyEd25519).ok === false));
  });

  it('are not made from parts that could not be read back', () => {
    expect(() => signNoteText('no newline', LOG)).toThrow(RangeError);
    expect(() => signNoteText('tab\t\n', LOG)).toThrow(RangeError);
    expect(() => signNoteText(TEXT, { key: LOG.key, sign: () => new Uint8Array(63) })).toThrow(RangeError);
    expect(() => formatSignedNote({ text: TEXT, signatures: [] })).toThrow(RangeError);
    const signature = { ...signNoteText(TEXT, LOG), name: 'a b' };
    expect(() => formatSignedNote({ text: TEXT, signatures: [signature] })).toThrow(RangeError);
  });
});

describe('checkpoints', () => {
  it('have the example of the specification as their text', () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
    const parsed = parseCheckpoint(text)!;
    expect(parsed).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163, extensionLines: [] });
    expect(toHex(parsed.rootHash)).toBe('0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62');
    expect(formatCheckpoint(parsed)).toBe(text);
    expect(formatCheckpoint({ ...parsed, extensionLines: ['one', 'two'] })).toBe(`${text}one\ntwo\n`);
  });

  it('open with the log key, cosigned or not', () => {
    const alone = signCheckpoint(HEAD, [LOG]);
    const trust = { origin: HEAD.origin, logKeys: [LOG.key], cosignerKeys: [COSIGNER.key] };
    expect(openCheckpoint(alone, trust, verifyEd25519)).toEqual({ ok: true, checkpoint: HEAD, signedBy: [LOG.key] });
    const cosigned = openCheckpoint(signCheckpoint(HEAD, [LOG, COSIGNER]), trust, verifyEd25519);
    expect(cosigned).toEqual({ ok: true, checkpoint: HEAD, signedBy: [LOG.key, COSIGNER.key] });
  });

  it('are not believed on a cosigner alone, on another log, or on another origin', () => {
    const trust = { origin: HEAD.origin, logKeys: [LOG.key], cosignerKeys: [COSIGNER.key] };
    const reasonOf = (note: string, of = trust) => {
      const opened = openCheckpoint(note, of, verifyEd25519);
      return opened.ok ? 'ok' : opened.reason;
    };
    expect(reasonOf(signCheckpoint(HEAD, [COSIGNER]))).toBe('notSignedByLog');
    expect(reasonOf(signCheckpoint(HEAD, [LOG]), { ...trust, logKeys: [PETER] })).toBe('noKnownSignature');
    expect(reasonOf(signCheckpoint({ ...HEAD, origin: 'other.example' }, [LOG]))).toBe('wrongOrigin');
    const text = 'no checkpoint\n';
    const note = formatSignedNote({ text, signatures: [signNoteText(text, LOG)] });
    expect(reasonOf(note)).toBe('malformedCheckpoint');
    expect(reasonOf(signCheckpoint(HEAD, [LOG]).replace('\n8\n', '\n9\n'))).toBe('invalidSignature');
  });

  it('are malformed in every other form', () => {
    const root = encodeBase64(HEAD.rootHash);
    const malformed = [
      '',
      '\n',
      'origin\n',
      'origin\n8\n',
      `origin\n8\n${root}`,
      `\n8\n${root}\n`,
      `origin\n08\n${root}\n`,
      `origin\n+8\n${root}\n`,
      `origin\n8.0\n${root}\n`,
      `origin\n-1\n${root}\n`,
      `origin\n 8\n${root}\n`,
      `origin\n9007199254740992\n${root}\n`,
      `origin\n8\n${root.slice(0, -1)}\n`,
      `origin\n8\n${encodeBase64(HEAD.rootHash.slice(1))}\n`,
      `origin\n8\n${root}\n\n`,
      `origin\n8\n${root}\n\nextension\n`,
    ];
    for (const text of malformed) expect(parseCheckpoint(text), JSON.stringify(text)).toBeUndefined();
  });

  it('are not written from parts that could not be read back', () => {
    const bad: Partial<Checkpoint>[] = [
      { origin: '' },
      { origin: 'a\nb' },
      { size: -1 },
      { size: 1.5 },
      { size: 2 ** 53 },
      { rootHash: new Uint8Array(31) },
      { extensionLines: [''] },
      { extensionLines: ['a\nb'] },
    ];
    for (const change of bad) expect(() => formatCheckpoint({ ...HEAD, ...change })).toThrow(RangeError);
  });
});
