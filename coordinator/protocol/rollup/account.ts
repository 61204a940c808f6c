import { poseidon4 } from 'poseidon-lite/poseidon4';

/** A point of the Baby Jubjub curve as [x, y]. */
export type CurvePoint = readonly [bigint, bigint];

/** An account of the rollup: its public key, its balance and the nonce of its next transfer, both below 2^64. */
export type Account = { key: CurvePoint; balance: bigint; nonce: bigint };

/** The leaf of a place without an account. It is no hash, so nobody can present an account for such a place. */
export const EMPTY_LEAF = 0n;

/** The leaf of an account: Poseidon(key x, key y, balance, nonce), as templates/accountLeaf.circom has it. */
export function accountLeaf(account: Account): bigint {
  return poseidon4([account.key[0], account.key[1], account.balance, account.nonce]);
}
