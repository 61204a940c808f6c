/** What all subcommands share: how a commander program is run, and how flags become values. */
import { type Command, CommanderError, InvalidArgumentError } from 'commander';
import { type Client, createClient } from '#protocol/client.js';
import { type Address, addressSchema, WEI_MAX } from '#protocol/units.js';

/** Where a coordinator listens unless told otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:8787';

/** Longest wait for an answer, in milliseconds: a coordinator may compute the witnesses of a whole list of jobs. */
const TIMEOUT_MS = 180_000;

/**
 * Parses the arguments and runs the chosen action.
 * @returns the exit code: what `exitCode()` says afterwards, or commander's own for help and wrong arguments
 */
export async function runProgram(program: Command, args: string[], exitCode: () => number = () => 0): Promise<number> {
  try {
    await program.exitOverride().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return exitCode();
}

/** A client of the coordinator at `url`. */
export function connect(url: string): Client {
  return createClient({ baseUrl: url.replace(/\/+$/, ''), fetch, timeoutMs: TIMEOUT_MS });
}

/** A whole number of a flag, within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]{1,16}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** An amount in wei of a flag. */
export function weiAmount(text: string): bigint {
  if (!/^(0|[1-9][0-9]{0,60})$/.test(text) || BigInt(text) > WEI_MAX) {
    throw new InvalidArgumentError('It must be an amount in wei, a whole number such as 1500000000000.');
  }
  return BigInt(text);
}

/** An address of a flag. */
export function address(text: string): Address {
  const parsed = addressSchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError('It must be an address: 0x and 40 hexadecimal digits.');
  return parsed.data;
}

/** One or more addresses of a flag that may be repeated. */
export function addresses(text: string, before: Address[] = []): Address[] {
  return [...before, address(text)];
}

/** A percentage of a flag, within bounds, with at most four decimals. */
export function percent(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]{1,3}([.][0-9]{1,4})?$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a percentage from ${min} to ${max}, such as 99.5.`);
    }
    return value;
  };
}

/** Gathers the values of an option that may be given more than once. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
