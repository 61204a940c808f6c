/**
 * Standard base64 with padding, in Node and in browsers alike.
 *
 * @param bytes - at most a few kilobytes: keys, hashes, signatures
 * Source: RFC 4648, section 4
 */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/**
 * Reads standard base64 in its one canonical form.
 *
 * @returns undefined for anything that encodeBase64 would not have written: other alphabets, spaces, missing padding,
 *   stray bits at the end
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return encodeBase64(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}
