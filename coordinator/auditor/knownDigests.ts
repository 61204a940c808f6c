/** Digests of messages that have been worked out: three checks need each of them, and a digest is dear. */
import type { Messages, MessageType } from '#protocol/messages.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';

/** Keeps digests as long as their messages live. A message must not change, be of one type, and of one domain. */
export class KnownDigests {
  private readonly known = new WeakMap<object, Hex>();

  readonly of = <Type extends MessageType>(domain: SigningDomain, type: Type, message: Messages[Type]): Hex => {
    const before = this.known.get(message);
    if (before) return before;
    const digest = digestOf(domain, type, message);
    this.known.set(message, digest);
    return digest;
  };
}
