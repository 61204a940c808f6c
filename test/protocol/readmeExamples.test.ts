import { readFileSync } from 'node:fs';
import { type Hex, hashMessage, hashStruct, domainSeparator as separatorOf } from 'viem';
import { describe, expect, it } from 'vitest';
import { accountOf } from '#agent/client/account.js';
import { loginMessage } from '#agent/client/loginMessage.js';
import { RATE_LIMIT_PER_SEC, STREAMS_MAX, STREAMS_PER_ADDRESS_MAX } from '#api/apiDeps.js';
import { ARTIFACT_BYTES_MAX, UPLOADS_PER_ACCOUNT_MAX } from '#api/artifactShelf.js';
import { SIGNATURE_QUEUE_MAX, SPLIT_QUEUE_MAX } from '#api/heavyWork.js';
import { BODY_DEPTH_MAX } from '#api/jsonBody.js';
import { parseLoginMessage } from '#api/loginMessage.js';
import { BODY_LIMIT_BYTES } from '#api/mountRoutes.js';
import { JOURNAL_BATCH_MAX, JOURNAL_QUEUE_MAX } from '#journal/journal.js';
import { OWN_SAMPLES_MAX, UPLOAD_PIECE_BYTES } from '#protocol/circuitRoutes.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { ENTRY_SCHEMAS, parseEntry } from '#protocol/entries.js';
import { AFTER_MAX, LISTED_JOBS_MAX } from '#protocol/jobsFile.js';
import { postingSchema } from '#protocol/ledger.js';
import { canonicalBytes, canonicalJson } from '#protocol/log/canonicalJson.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { leafHash } from '#protocol/log/merkleTree.js';
import { formatVerifierKey } from '#protocol/log/verifierKey.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { REJECTIONS } from '#protocol/rejections.js';
import { TRANSFERS_PER_BLOCK_MAX, TRANSFERS_PER_CHUNK } from '#protocol/rollup/rollupLimits.js';
import type { Route } from '#protocol/route.js';
import { BLOCK_BODY_BYTES, ROUTES } from '#protocol/routes.js';
import { sha256Bytes } from '#protocol/sha256.js';
import { digestOf, TYPED_DATA, typedDataOf } from '#protocol/typedData.js';
import { jobIdOf, roundIdOf } from '#protocol/units.js';
import { PAGE_MAX } from '#protocol/views.js';
import { PUBLIC_SIGNALS_MAX } from '#protocol/zkProof.js';
import { CIRCUIT_QUESTION_MS_MAX, CIRCUIT_QUEUE_MAX, CIRCUIT_STEP_MS_MAX } from '#verifier/circuitChecker.js';
import { VERIFIER_QUEUE_MAX } from '#verifier/verifierPool.js';
import { signerFromSeed } from './ed25519Signer.js';
import { toHex } from './merkleVectors.js';

const rootFile = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = rootFile('coordinator/protocol/README.md');

const operator = signerFromSeed('understudy.example/market', new Uint8Array(32).fill(7));
const logKey = formatVerifierKey(operator.key);
const coordinatorId: Hex = `0x${toHex(sha256Bytes(new TextEncoder().encode(logKey)))}`;
const domain = { chainId: 31_337, coordinatorId };
const account = accountOf(`0x${'01'.repeat(32)}`);
const owner = accountOf(`0x${'02'.repeat(32)}`);

interface Example {
  primaryType: keyof typeof TYPED_DATA;
  message: Record<string, unknown>;
  digest: Hex;
  signature: Hex;
}

const fenced = [...page.matchAll(/^```(json)?\n([\s\S]*?)\n```$/gm)].map(([, kind, text]) => ({ kind, text: text! }));
const jsonBlocks = fenced.filter(({ kind }) => kind === 'json').map(({ text }) => JSON.parse(text));
const textBlocks = fenced.filter(({ kind }) => kind === undefined).map(({ text }) => text);
const examples = jsonBlocks.filter((block): block is Example => 'primaryType' in block);
const exampleOf = (type: Example['primaryType']) => examples.find(({ primaryType }) => primaryType === type)!;

/** Cells of the rows below a table's header, without the marks of code. */
function tableUnder(header: string): string[][] {
  const lines = page.slice(page.indexOf(header)).split('\n').slice(2);
  const rows = lines.slice(0, lines.indexOf(''));
  return rows.map((row) => row.split('|').slice(1, -1).map(plain));
}

function plain(cell: string): string {
  return cell.trim().replaceAll('`', '');
}

function withCommas(value: number): string {
  return value.toLocaleString('en-US');
}

describe('the example market of the protocol page', () => {
  it('has the keys and ids that follow from its private keys', () => {
    for (const text of [logKey, coordinatorId, account.address, owner.address]) expect(page).toContain(text);
  });

  it('names the committed circuit and block file', () => {
    const { circuitId } = JSON.parse(rootFile('circuits/artifacts/transferRollup/manifest.json'));
    const blockHash = contentHashOf(JSON.parse(rootFile('circuits/examples/block-8.json')));
    expect(exampleOf('BlockRequest').message).toMatchObject({ circuitId, blockHash });
  });
});

describe('signed messages', () => {
  it('has one example of every type', () => {
    expect(examples.map(({ primaryType }) => primaryType).sort()).toEqual(Object.keys(TYPED_DATA).sort());
  });

  it('has digests and signatures that the code makes too, and the text of each type', () => {
    for (const { primaryType, message, digest, signature } of examples) {
      expect(digestOf(domain, primaryType, message as never)).toBe(digest);
      expect(account.signDigest(digest)).toBe(signature);
      const fields = TYPED_DATA[primaryType].map(({ type, name }) => `${type} ${name}`).join(',');
      expect(page).toContain(`\`${primaryType}(${fields})\``);
    }
  });

  it('has the domain and the steps of a bid', () => {
    const bid = exampleOf('Bid');
    const typed = typedDataOf(domain, 'Bid', bid.message as never);
    expect(page).toContain(`separator      ${separatorOf({ domain: typed.domain })}`);
    const structHash = hashStruct({ data: bid.message, primaryType: 'Bid', types: typed.types } as never);
    expect(page).toContain(`struct hash    ${structHash}`);
    expect(page).toContain(`digest         ${bid.digest}`);
  });

  it('has ids that follow from the block request', () => {
    const { digest } = exampleOf('BlockRequest');
    expect(exampleOf('Bid').message.roundId).toBe(roundIdOf(digest, 0));
    expect(exampleOf('ProofSubmission').message.jobId).toBe(jobIdOf(digest, 0));
    expect(page).toContain(`\`${roundIdOf(digest, 0)}\``);
  });

  it('has the owner’s signature of the registration', () => {
    expect(textBlocks).toContain(owner.signDigest(exampleOf('ProverRegistration').digest));
  });

  it('has the content whose hash the submission signs', () => {
    const content = jsonBlocks.find((block) => 'zkProof' in block);
    expect(contentHashOf(content)).toBe(exampleOf('ProofSubmission').message.contentHash);
  });
});

describe('receipt and login', () => {
  it('has a receipt that the operator signed for the bid', () => {
    const text = textBlocks.find((block) => block.includes('"entryIndex"'))!;
    const receipt = JSON.parse(text);
    expect(canonicalJson(receipt)).toBe(text);
    expect(receipt.commitment).toBe(exampleOf('Bid').digest);
    const signature = operator.sign(canonicalBytes(receipt));
    expect(textBlocks).toContain(`0x${toHex(signature)}`);
    expect(verifyEd25519(operator.key.publicKey, canonicalBytes(receipt), signature)).toBe(true);
  });

  it('has a login message that the agent writes and the coordinator reads', () => {
    const text = textBlocks.find((block) => block.includes('wants you to sign in'))!;
    const read = parseLoginMessage(text)!;
    const { nonce, issuedAtMs, chainId, uri } = read;
    expect(loginMessage({ baseUrl: uri, address: account.address, chainId, nonce, issuedAtMs })).toBe(text);
    expect(textBlocks).toContain(`${hashMessage(text)}\n${account.signText(text)}`);
  });
});

describe('entries', () => {
  it('has entries that parse, in canonical text, with their leaf hashes', () => {
    const lines = textBlocks.find((block) => block.includes('\nleaf '))!.split('\n');
    expect(lines).toHaveLength(4);
    for (const at of [0, 2]) {
      expect(canonicalJson(parseEntry(JSON.parse(lines[at]!)))).toBe(lines[at]);
      expect(lines[at + 1]).toBe(`leaf ${toHex(leafHash(new TextEncoder().encode(lines[at])))}`);
    }
    expect(page).toContain(`id: 42\nevent: bidPlaced\ndata: ${lines[0]}\n`);
  });

  it('lists every entry type with its fields', () => {
    const listed = tableUnder('| type | fields beside').map(([type, fields]) => [type, fields]);
    const wanted = Object.entries(ENTRY_SCHEMAS).map(([type, { shape }]) => {
      const fields = Object.keys(shape).filter((field) => field !== 'type' && field !== 'atMs');
      return [type, fields.join(', ')];
    });
    expect(listed).toEqual(wanted);
  });

  it('lists every reason of a posting', () => {
    const listed = tableUnder('| why | from | to |').map(([why]) => why);
    expect(listed).toEqual([...postingSchema.shape.why.options]);
  });
});

describe('tables', () => {
  it('lists every route with its needs', () => {
    const wanted = Object.entries(ROUTES).map(([name, { method, path, auth, body, bodyLimit }]: [string, Route]) => {
      const needs = [auth, body && withCommas(bodyLimit ?? BODY_LIMIT_BYTES)].filter((one) => one !== undefined);
      return [name, `${method} ${path}`, needs.join(', ')];
    });
    expect(tableUnder('| route | method and path')).toEqual(wanted);
  });

  it('lists every rejection with its status and sentence', () => {
    const wanted = Object.entries(REJECTIONS).map(([code, [status, sentence]]) => [code, String(status), sentence]);
    expect(tableUnder('| code | status |')).toEqual(wanted);
  });

  it('lists every parameter with its default', () => {
    const listed = tableUnder('| parameter | default |').map(([name, value]) => [name, value]);
    expect(listed).toEqual(
      Object.entries(DEFAULT_PARAMETERS).map(([name, value]) => [name, [value].flat().map(withCommas).join(' ')]),
    );
  });

  it('has the limits of the code', () => {
    const limits = {
      BLOCK_BODY_BYTES,
      TRANSFERS_PER_BLOCK_MAX,
      TRANSFERS_PER_CHUNK,
      PUBLIC_SIGNALS_MAX,
      PAGE_MAX,
      BODY_DEPTH_MAX,
      STREAMS_MAX,
      STREAMS_PER_ADDRESS_MAX,
      RATE_LIMIT_PER_SEC,
      JOURNAL_QUEUE_MAX,
      JOURNAL_BATCH_MAX,
      SIGNATURE_QUEUE_MAX,
      SPLIT_QUEUE_MAX,
      VERIFIER_QUEUE_MAX,
      ARTIFACT_BYTES_MAX,
      UPLOAD_PIECE_BYTES,
      UPLOADS_PER_ACCOUNT_MAX,
      OWN_SAMPLES_MAX,
      LISTED_JOBS_MAX,
      AFTER_MAX,
      CIRCUIT_QUEUE_MAX,
      CIRCUIT_STEP_MS_MAX,
      CIRCUIT_QUESTION_MS_MAX,
    };
    const listed = tableUnder('| limit | value |').map(([name, value]) => [name, value]);
    expect(listed).toEqual(Object.entries(limits).map(([name, value]) => [name, withCommas(value)]));
  });
});
