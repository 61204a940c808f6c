import type { ApiDeps } from '../apiDeps.js';
import type { Handlers } from '../handler.js';
import { hostOfUri, type LoginMessage, loginDigestOf, parseLoginMessage } from '../loginMessage.js';
import type { LoginTokens } from '../loginTokens.js';
import { type Refused, refuse, refuseField } from '../refused.js';

/** How far a message may be dated ahead of the coordinator's clock, milliseconds. */
const SKEW_MS = 30_000;

/** Login by EIP-4361. */
export function loginHandlers(deps: ApiDeps, tokens: LoginTokens): Handlers<'getLoginNonce' | 'logIn'> {
  const publicHost = deps.options?.publicUrl === undefined ? null : hostOfUri(deps.options.publicUrl);
  return {
    getLoginNonce: async () => tokens.makeNonce(deps.nowMs()),

    logIn: async ({ body }, { request }) => {
      const message = parseLoginMessage(body.message);
      if (!message) return refuseField('/message', 'is not a login message by EIP-4361');
      const hosts = publicHost === null ? ownHosts(request.socket) : [publicHost];
      const no = placeNo(message, hosts, deps) ?? timeNo(message, tokens, deps.nowMs());
      if (no) return no;
      const digest = loginDigestOf(body.message);
      const { flaw } = await deps.heavyWork.checkDigest(digest, body.signature, message.address);
      return flaw ? refuse(flaw) : tokens.makeToken(message.address, deps.nowMs());
    },
  };
}

/**
 * The hosts that a coordinator without a public address goes by: where the connection came in. Never what the request
 * says of itself: whoever passes on a login that was signed for another place would say that place's name.
 */
function ownHosts({ localAddress, localPort }: { localAddress?: string; localPort?: number }): string[] {
  const address = localAddress?.replace(/^::ffff:/, '') ?? '';
  const isLoopback = address === '::1' || address.startsWith('127.');
  const literal = address.includes(':') ? `[${address}]` : address;
  const names = isLoopback ? ['127.0.0.1', '[::1]', 'localhost'] : [literal];
  return names.flatMap((name) => (localPort === 80 ? [name, `${name}:80`] : [`${name}:${localPort}`]));
}

/** A login for another place is none for this one: what a phishing page would pass on. */
function placeNo(message: LoginMessage, hosts: string[], { journal }: ApiDeps): Refused | null {
  const where = `${hosts.join(' or ')} (--public-url names another)`;
  if (!hosts.includes(message.domain)) return refuseField('/message', `its domain must be ${where}`);
  if (hostOfUri(message.uri) !== message.domain) return refuseField('/message', 'its URI must be under its domain');
  const chainId = journal.state().market?.chainId;
  return message.chainId === chainId ? null : refuseField('/message', `its Chain ID must be ${chainId}`);
}

function timeNo(message: LoginMessage, tokens: LoginTokens, nowMs: number): Refused | null {
  const flaw = tokens.nonceFlaw(message.nonce, nowMs);
  if (flaw === 'badRequest') return refuseField('/message', 'its nonce is not from this market');
  if (flaw) return refuse(flaw);
  const { issuedAtMs, expirationTimeMs, notBeforeMs } = message;
  if (expirationTimeMs !== null && nowMs >= expirationTimeMs) return refuse('loginExpired');
  if (issuedAtMs > nowMs + SKEW_MS) return refuseField('/message', 'it is issued in the future');
  if (notBeforeMs !== null && notBeforeMs > nowMs + SKEW_MS) return refuseField('/message', 'it is not valid yet');
  return null;
}
