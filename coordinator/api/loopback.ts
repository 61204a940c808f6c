const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/** True for a client on this machine: the limits by address are not for it. */
export function isLoopback(ip: string): boolean {
  return LOOPBACK.has(ip);
}
