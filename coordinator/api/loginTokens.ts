/**
 * Nonces and tokens of the login, without any session: both carry their expiry and a MAC under a secret that all
 * replicas share. A login message may be sent again while its nonce lives; that gives a further token to the same
 * account, which is why nonces live for minutes only.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RejectionCode } from '#protocol/rejections.js';
import type { Address } from '#protocol/units.js';

export const NONCE_LIFE_MS = 300_000;
export const TOKEN_LIFE_MS = 3_600_000;

const NONCE_FORMAT = /^([0-9a-f]{12})([0-9a-f]{32})([0-9a-f]{32})$/;
const TOKEN_FORMAT = /^(0x[0-9a-f]{40})\.([0-9]{1,15})\.([0-9a-f]{64})$/;

export class LoginTokens {
  readonly #secret: Uint8Array;

  /** @param secret - at least 32 bytes, the same in every replica */
  constructor(secret: Uint8Array) {
    if (secret.length < 32) throw new RangeError('the token secret must have at least 32 bytes');
    this.#secret = secret;
  }

  /** A nonce as EIP-4361 wants it: letters and digits only. */
  makeNonce(nowMs: number): { nonce: string; expiresAtMs: number } {
    const expiresAtMs = nowMs + NONCE_LIFE_MS;
    const body = expiresAtMs.toString(16).padStart(12, '0') + randomBytes(16).toString('hex');
    return { nonce: body + this.#mac('nonce', body).slice(0, 32), expiresAtMs };
  }

  /** Null for a nonce of this market that still lives. */
  nonceFlaw(nonce: string, nowMs: number): 'badRequest' | 'loginExpired' | null {
    const [, expiry, random, mac] = NONCE_FORMAT.exec(nonce) ?? [];
    if (!expiry || !random || !mac) return 'badRequest';
    if (!isSame(mac, this.#mac('nonce', expiry + random).slice(0, 32))) return 'badRequest';
    return nowMs < Number.parseInt(expiry, 16) ? null : 'loginExpired';
  }

  makeToken(address: Address, nowMs: number): { token: string; expiresAtMs: number } {
    const expiresAtMs = nowMs + TOKEN_LIFE_MS;
    const body = `${address}.${expiresAtMs}`;
    return { token: `${body}.${this.#mac('token', body)}`, expiresAtMs };
  }

  /** Whose token the Authorization header holds. */
  readBearer(
    authorization: string | undefined,
    nowMs: number,
  ): { ok: true; address: Address } | { ok: false; code: RejectionCode } {
    const bearer = /^Bearer ([^ ]{1,512})$/i.exec(authorization ?? '');
    const [, address, expiresAtMs, mac] = TOKEN_FORMAT.exec(bearer?.[1] ?? '') ?? [];
    if (!address || !expiresAtMs || !mac) return { ok: false, code: 'notLoggedIn' };
    if (!isSame(mac, this.#mac('token', `${address}.${expiresAtMs}`))) return { ok: false, code: 'notLoggedIn' };
    if (nowMs >= Number(expiresAtMs)) return { ok: false, code: 'loginExpired' };
    return { ok: true, address: address as Address };
  }

  #mac(purpose: 'nonce' | 'token', body: string): string {
    return createHmac('sha256', this.#secret).update(`understudy ${purpose}\n${body}`).digest('hex');
  }
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
