/** Brings a requester's own circuit to a market: uploads its files in pieces, and registers it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { repeatUntilDone } from '#agent/backoff.js';
import type { Account } from '#agent/client/account.js';
import { loginMessage } from '#agent/client/loginMessage.js';
import { UPLOAD_PIECE_BYTES } from '#protocol/circuitRoutes.js';
import { type Client, UnreachableError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { CircuitRegistration } from '#protocol/messages.js';
import { digestOf } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';

/** A circuit as it lies on the requester's disk. */
export interface CircuitFiles {
  wasmPath: string;
  zkeyPath: string;
  /** Parsed JSON, as snarkjs exports it. */
  verificationKey: unknown;
  name: string;
  /** Inputs that anybody may see, from which agents measure themselves. */
  samples: Record<string, unknown>[];
}

export interface PublishOptions {
  client: Client;
  account: Account;
  onUpload?(name: 'wasm' | 'zkey', sentBytes: number, bytes: number): void;
  signal?: AbortSignal;
}

/**
 * Uploads what is missing of a circuit's files, from where an earlier attempt left off, and registers it.
 * @returns its id
 * @throws RejectedError with what the market has against it; Error for a verification key that is none
 */
export async function publishCircuit(files: CircuitFiles, options: PublishOptions): Promise<Hex> {
  const { client, account } = options;
  const key = parseVerificationKey(files.verificationKey);
  if (!key.ok) throw new Error(`the verification key cannot be used: ${key.detail}`);
  const circuitId = circuitIdOf(key.verificationKey);
  const token = await logIn(options);
  const wasm = await upload('wasm', files.wasmPath, token, options);
  const zkey = await upload('zkey', files.zkeyPath, token, options);
  const { chainId, coordinatorId, nowMs } = await client.call('getMarket', {});
  const message: CircuitRegistration = {
    registrant: account.address,
    circuitId,
    name: files.name,
    wasmSha256: wasm.sha256,
    zkeySha256: zkey.sha256,
    samplesHash: contentHashOf(files.samples.map((input) => contentHashOf(input))),
    issuedAtMs: nowMs,
  };
  const signature = account.signDigest(digestOf({ chainId, coordinatorId }, 'CircuitRegistration', message));
  const { protocol } = key.verificationKey;
  const body = { message, signature, protocol, verificationKey: files.verificationKey, wasm, zkey };
  const samples = files.samples as never;
  await patiently(() => client.call('registerCircuit', { body: { ...body, samples } }), options);
  return circuitId;
}

async function logIn({ client, account }: PublishOptions): Promise<string> {
  const { nonce } = await client.call('getLoginNonce', {});
  const { chainId, nowMs: issuedAtMs } = await client.call('getMarket', {});
  const { address } = account;
  const message = loginMessage({ baseUrl: client.baseUrl, address, chainId, nonce, issuedAtMs });
  return (await client.call('logIn', { body: { message, signature: account.signText(message) } })).token;
}

async function upload(
  name: 'wasm' | 'zkey',
  path: string,
  token: string,
  options: PublishOptions,
): Promise<{ sha256: Hex; bytes: number }> {
  const { client, onUpload } = options;
  const { size: bytes } = await stat(path);
  const sha256 = await hashOf(path);
  const params = { sha256 };
  const file = await open(path, 'r');
  try {
    let state = await patiently(() => client.call('getUpload', { params }, token), options);
    onUpload?.(name, state.receivedBytes, bytes);
    const space = Buffer.alloc(UPLOAD_PIECE_BYTES);
    while (!state.complete) {
      const offset = state.receivedBytes;
      const { bytesRead } = await file.read(space, 0, UPLOAD_PIECE_BYTES, offset);
      if (bytesRead === 0) throw new Error(`${path} has changed while it was uploaded`);
      const body = { bytes, offset, piece: space.subarray(0, bytesRead).toString('base64') };
      state = await patiently(async () => {
        // A piece whose answer was lost is there already.
        const there = await client.call('getUpload', { params }, token);
        return there.complete || there.receivedBytes > offset
          ? there
          : await client.call('uploadArtifact', { params, body }, token);
      }, options);
      onUpload?.(name, state.receivedBytes, bytes);
    }
  } finally {
    await file.close();
  }
  return { sha256, bytes };
}

async function hashOf(path: string): Promise<Hex> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return `0x${hash.digest('hex')}`;
}

function patiently<Result>(action: () => Promise<Result>, { signal }: PublishOptions): Promise<Result> {
  const isWorthRepeating = (error: unknown) => error instanceof UnreachableError;
  return repeatUntilDone(action, { isWorthRepeating, ...(signal && { signal }) });
}
