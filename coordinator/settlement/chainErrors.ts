/** What can go wrong with a chain, told apart: whose fault it is decides what is done next. */
import {
  BaseError,
  ContractFunctionRevertedError,
  HttpRequestError,
  ResponseBodyTooLargeError,
  RpcRequestError,
  TimeoutError,
} from 'viem';

/** No provider could be asked: the same thing can be tried again. */
export class ChainUnavailableError extends Error {
  override readonly name = 'ChainUnavailableError';
  readonly retryable = true;
}

/** The chain or the contract is not the one that the market is bound to; the message says what to change. */
export class WrongChainError extends Error {
  override readonly name = 'WrongChainError';
}

/** A provider does not do at all what a market needs of it: only another one will. */
export class ProviderRefusalError extends Error {
  override readonly name = 'ProviderRefusalError';
}

/** JSON-RPC codes of a node that fails or refuses by itself, not because of the question. Source: EIP-1474. */
const NODE_FAULT_CODES: ReadonlySet<number> = new Set([-32_603, -32_005, -32_002, -32_001]);

/** HTTP status, and code of some providers, for too many questions. Source: RFC 6585 */
const TOO_MANY_REQUESTS = 429;

/** How providers say that they are asked too often, as opposed to for too much. */
const RATE_WORDS = /\brate\b|too many requests?\b|requests? per|per second|quota|daily|compute units/i;

/** Longest message that is kept of what a provider said; some answer with a page of HTML. */
const SAID_CHARS_MAX = 200;

/** Longest message in all: of every provider of a market. */
const MESSAGE_CHARS_MAX = 2_048;

const RANGE_WORDS = /range|too many|more than|too large|too wide|limit|exceed|results|timed? ?out|response size/i;

function find<Found extends Error>(error: unknown, is: (one: unknown) => one is Found): Found | null {
  if (is(error)) return error;
  return error instanceof BaseError ? (error.walk(is) as Found | null) : null;
}

const isRpc = (one: unknown): one is RpcRequestError => one instanceof RpcRequestError;
const isHttp = (one: unknown): one is HttpRequestError => one instanceof HttpRequestError;
const isTimeout = (one: unknown): one is TimeoutError => one instanceof TimeoutError;
const isTooLarge = (one: unknown): one is ResponseBodyTooLargeError => one instanceof ResponseBodyTooLargeError;
const isRevert = (one: unknown): one is ContractFunctionRevertedError => one instanceof ContractFunctionRevertedError;

/** True when another provider, or the same one later, may well answer: no connection, rate limit, a failing node. */
export function isProviderFault(error: unknown): boolean {
  if (error instanceof WrongChainError || error instanceof ProviderRefusalError) return true;
  if (find(error, isHttp) || find(error, isTimeout) || find(error, isTooLarge) || isRateLimit(error)) return true;
  const code = find(error, isRpc)?.code;
  return code !== undefined && NODE_FAULT_CODES.has(code);
}

/** True when a provider is asked too often: less of it, or later, or another one. */
export function isRateLimit(error: unknown): boolean {
  if (find(error, isHttp)?.status === TOO_MANY_REQUESTS) return true;
  const rpc = find(error, isRpc);
  return rpc !== null && (rpc.code === TOO_MANY_REQUESTS || RATE_WORDS.test(`${rpc.details} ${rpc.shortMessage}`));
}

/** True when a provider refuses to look through so many blocks at once: a smaller range may do. */
export function isRangeRefusal(error: unknown): boolean {
  if (isRateLimit(error)) return false;
  if (find(error, isTooLarge)) return true;
  const http = find(error, isHttp);
  if (http) return http.status === 413 || (http.status === 400 && RANGE_WORDS.test(http.details));
  const rpc = find(error, isRpc);
  return rpc !== null && rpc.code !== -32_603 && RANGE_WORDS.test(`${rpc.details} ${rpc.shortMessage}`);
}

/** The contract's reason for a refusal, such as `WrongEpoch`; null when it is about something else. */
export function revertReason(error: unknown): string | null {
  const revert = find(error, isRevert);
  if (revert) return revert.data?.errorName ?? revert.reason ?? 'reverted';
  return /execution reverted/i.test(messageOf(error)) ? 'reverted' : null;
}

/** True when a call needs more gas than it was given. */
export function isOutOfGas(error: unknown): boolean {
  return /out ?of ?gas|gas required exceeds|intrinsic gas too (high|low)/i.test(messageOf(error));
}

/** What a node says about a transaction that it does not take. */
export type SendRefusal = 'known' | 'nonceTooLow' | 'underpriced' | 'insufficientFunds';

const SEND_REFUSALS: [words: RegExp, refusal: SendRefusal][] = [
  [/already known|already imported|known transaction|already exists/i, 'known'],
  [/nonce too low|nonce is too low|nonce.*already (been )?used|old nonce/i, 'nonceTooLow'],
  [/underpriced|fee too low|max fee per gas less than|less than block base fee/i, 'underpriced'],
  [/insufficient funds|exceeds (the )?balance|not enough funds/i, 'insufficientFunds'],
];

/** Reads a node's refusal of a transaction; null for other errors. */
export function sendRefusal(error: unknown): SendRefusal | null {
  const text = messageOf(error);
  return SEND_REFUSALS.find(([words]) => words.test(text))?.[1] ?? null;
}

/** An error in a line, without the address that was asked: it may hold an access key. */
export function messageOf(error: unknown): string {
  return plainMessage(error).replace(/\s+/g, ' ').slice(0, MESSAGE_CHARS_MAX);
}

function plainMessage(error: unknown): string {
  if (!(error instanceof BaseError)) return error instanceof Error ? error.message : String(error);
  const status = find(error, isHttp)?.status;
  const deepest = (error.walk() as BaseError).message?.split('\n')[0];
  const parts = [status && `HTTP ${status}`, error.shortMessage, error.details, deepest];
  return [...new Set(parts.filter(Boolean))].join(': ').slice(0, SAID_CHARS_MAX);
}
