/** Why the contract would refuse a call, in words for whoever has sent it. */
import { type ContractErrorName, decodeErrorResult } from 'viem';
import type { Hex } from '#protocol/units.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';

/** The contract's name for a refusal. */
export type RefusalName = ContractErrorName<typeof SETTLEMENT_ABI>;

/** Those that a person at a terminal can meet, and what to do about them. */
const WORDS: Partial<Record<RefusalName, string>> = {
  ExitBegun: 'exit has begun, so only what the last root promises still counts: see "understudy account exit"',
  ExitNotBegun: 'exit has not begun: the coordinator still posts roots, so ask it for a voucher',
  NotAToken: 'there is no contract at the token’s address',
  WrongValue: 'the coins sent are not the amount, or the contract holds a token and takes no coins',
  TokenTookAnotherAmount:
    'the token has moved another amount than it was told: tokens that take fees, or whose balances move by themselves, cannot be held',
  TransferFailed: 'the token has refused to move the amount: is it held and approved?',
  WrongSignature: 'the voucher is not signed by the coordinator of now: ask for a new one',
  NothingToPay: 'the account has been paid as much already: take money out of the ledger first, and wait for the root',
};

/** A call that the contract would refuse; it was not sent, and cost nothing. */
export class ContractRefusalError extends Error {
  override readonly name = 'ContractRefusalError';
  readonly retryable = false;

  constructor(
    readonly refusal: RefusalName,
    cause: unknown,
  ) {
    super(`the contract refuses it (${refusal})${WORDS[refusal] ? `: ${WORDS[refusal]}` : ''}`, { cause });
  }
}

/** The contract's refusal that an error of a provider carries; null for other errors. */
export function contractRefusal(error: unknown): ContractRefusalError | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const data: unknown = (at as { data?: unknown }).data;
    const name = typeof data === 'string' ? errorName(data as Hex) : null;
    if (name) return new ContractRefusalError(name, error);
  }
  return null;
}

function errorName(data: Hex): RefusalName | null {
  try {
    return decodeErrorResult({ abi: SETTLEMENT_ABI, data }).errorName as RefusalName;
  } catch {
    // It is another contract's, such as a token's.
    return null;
  }
}
