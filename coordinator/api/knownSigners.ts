import type { RejectionCode } from '#protocol/rejections.js';
import { checkSigner } from '#protocol/signature.js';
import type { Address, Hex } from '#protocol/units.js';

/** Checks signatures. */
export class KnownSigners {
  /** True when `account` signed the digest with a canonical signature; otherwise the code of what is wrong. */
  check(digest: Hex, signature: Hex, account: Address): RejectionCode | null {
    return checkSigner(digest, signature, account);
  }
}
