/** What can go wrong with a chain, told apart: whose fault it is decides what is done next. */
import { BaseError, ContractFunctionRevertedError, HttpRequestError, RpcRequestError, TimeoutError } from 'viem';

/** No provider could be asked: the same thing can be tried again. */
export class ChainUnavailableError extends Error {
  override readonly name = 'ChainUnavailableError';
  readonly retryable = true;
}

/** The chain or the contract is not the one that the market is bound to; the message says what to change. */
export class WrongChainError extends Error {
  override readonly name = 'WrongChainError';
}

/** JSON-RPC codes of a node that fails or refuses by itself, not because of the question. Source: EIP-1474. */
const NODE_FAULT_CODES: ReadonlySet<number> = new Set([-32_603, -32_005, -32_002, -32_001]);

const RANGE_WORDS = /range|too many|more than|too large|too wide|limit|exceed|results|timed? ?out|response size/i;

function find<Found extends Error>(error: unknown, is: (one: unknown) => one is Found): Found | null {
  if (is(error)) return error;
  return error instanceof BaseError ? (error.walk(is) as Found | null) : null;
}

const isRpc = (one: unknown): one is RpcRequestError => one instanceof RpcRequestError;
const isHttp = (one: unknown): one is HttpRequestError => one instanceof HttpRequestError;
const isTimeout = (one: unknown): one is TimeoutError => one instanceof TimeoutError;
const isRevert = (one: unknown): one is ContractFunctionRevertedError => one instanceof ContractFunctionRevertedError;

/** True when another provider, or the same one later, may well answer: no connection, rate limit, a failing node. */
export function isProviderFault(error: unknown): boolean {
  if (error instanceof WrongChainError) return true;
  if (find(error, isHttp) || find(error, isTimeout)) return true;
  const code = find(error, isRpc)?.code;
  return code !== undefined && NODE_FAULT_CODES.has(code);
}

/** True when a provider refuses to look through so many blocks at once: a smaller range may do. */
export function isRangeRefusal(error: unknown): boolean {
  const http = find(error, isHttp);
  if (http) return http.status === 413 || (http.status === 400 && RANGE_WORDS.test(http.details));
  const rpc = find(error, isRpc);
  return rpc !== null && rpc.code !== -32_603 && RANGE_WORDS.test(`${rpc.details} ${rpc.message}`);
}

/** The contract's reason for a refusal, such as `WrongEpoch`; null when it is about something else. */
export function revertReason(error: unknown): string | null {
  const revert = find(error, isRevert);
  if (revert) return revert.data?.errorName ?? revert.reason ?? 'reverted';
  return /execution reverted/i.test(messageOf(error)) ? 'reverted' : null;
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
  if (error instanceof BaseError) {
    const deepest = error.walk() as BaseError;
    return [...new Set([error.shortMessage, error.details, deepest.message?.split('\n')[0]].filter(Boolean))].join(
      ': ',
    );
  }
  return error instanceof Error ? error.message : String(error);
}
