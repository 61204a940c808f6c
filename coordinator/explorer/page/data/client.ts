import { type Client, createClient } from '#protocol/client.js';

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 20_000;

/** Largest answer that is read, in bytes. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** The coordinator that this page came from, by the same table of routes as all its other clients. */
export const client: Client = createClient({
  baseUrl: globalThis.location.origin,
  fetch: (input, init) => fetch(input, init),
  timeoutMs: TIMEOUT_MS,
  answerBytesMax: ANSWER_BYTES_MAX,
});
