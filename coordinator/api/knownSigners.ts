/**
 * Signature checks that get faster for accounts that sign often, such as agents that bid in every round. Recovering a
 * key from a signature is two multiplications of points of which nothing is known beforehand; once an account's key is
 * known, both points are, and a table for each makes a check two to three times as fast with the same verdict.
 */
import { invert } from '@noble/curves/abstract/modular';
import { secp256k1 } from '@noble/curves/secp256k1';
import type { RejectionCode } from '#protocol/rejections.js';
import { checkSigner } from '#protocol/signature.js';
import type { Address, Hex } from '#protocol/units.js';

/** Accounts that a thread keeps tables for, the most recently used; each table takes about 70 kB. */
export const KNOWN_SIGNERS_MAX = 256;

/** Accounts that a thread counts signatures of. */
const COUNTED_MAX = 4_096;

/** Good signatures after which an account gets a table, which costs about as much as one recovery. */
const GOOD_BEFORE_TABLE = 3;

/** Bits of a window: wider ones are hardly faster here and take far more memory. */
const WINDOW_BITS = 4;

type Point = ReturnType<typeof secp256k1.ProjectivePoint.fromHex>;

const { n: ORDER } = secp256k1.CURVE;
const BASE = secp256k1.ProjectivePoint.BASE;

export class KnownSigners {
  /** Insertion order is order of use, the least recent first. */
  readonly #tables = new Map<Address, Point>();
  readonly #good = new Map<Address, number>();

  /** Null when `account` signed the digest with a canonical signature; otherwise the code: the verdict of checkSigner. */
  check(digest: Hex, signature: Hex, account: Address): RejectionCode | null {
    const key = this.#tables.get(account);
    if (key) {
      this.#tables.delete(account);
      this.#tables.set(account, key);
      return checkWithKey(digest, signature, key) === null ? null : checkSigner(digest, signature, account);
    }
    const flaw = checkSigner(digest, signature, account);
    if (flaw === null) this.#count(digest, signature, account);
    return flaw;
  }

  #count(digest: Hex, signature: Hex, account: Address): void {
    const good = (this.#good.get(account) ?? 0) + 1;
    this.#good.delete(account);
    if (good < GOOD_BEFORE_TABLE) {
      this.#good.set(account, good);
      dropOldest(this.#good, COUNTED_MAX);
      return;
    }
    const parsed = secp256k1.Signature.fromCompact(signature.slice(2, 130));
    const key = parsed.addRecoveryBit(vOf(signature) - 27).recoverPublicKey(digest.slice(2));
    this.#tables.set(account, secp256k1.utils.precompute(WINDOW_BITS, key));
    dropOldest(this.#tables, KNOWN_SIGNERS_MAX);
  }
}

function dropOldest(map: Map<Address, unknown>, countMax: number): void {
  const oldest = map.size > countMax ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

function vOf(signature: Hex): number {
  return Number.parseInt(signature.slice(130), 16);
}

/**
 * With the key Q known: the signature recovers to Q exactly when the point (digest G + r Q) / s has the x-coordinate r
 * and the parity that v says. Null when that holds; undefined when it does not or cannot be told, and the slow check,
 * which names the flaw, must say it. Source: SEC 1, sections 4.1.4 and 4.1.6
 */
function checkWithKey(digest: Hex, signature: Hex, key: Point): null | undefined {
  const v = vOf(signature);
  if (signature.length !== 132 || (v !== 27 && v !== 28)) return undefined;
  try {
    const { r, s } = secp256k1.Signature.fromCompact(signature.slice(2, 130));
    if (s > ORDER >> 1n) return undefined;
    const inverse = invert(s, ORDER);
    const fromBase = BASE.multiply((BigInt(digest) * inverse) % ORDER);
    const { x, y } = fromBase.add(key.multiply((r * inverse) % ORDER)).toAffine();
    return x === r && Number(y & 1n) === v - 27 ? null : undefined;
  } catch {
    return undefined;
  }
}
