/**
 * Bounds the linear memory of WASM that others have written. The engine has no such limit for one module: limits of a
 * worker thread do not count WASM memory, and an engine flag would bind the prover's own curve too. So the maximum is
 * written into the module before it is compiled; beyond it `memory.grow` fails inside the module.
 * Source: WebAssembly Core Specification 2.0, section 5.5 (modules).
 */

const PAGE_BYTES = 65_536;
const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
/** The flags of a memory that are understood: without and with a maximum. Shared and 64-bit memories are refused. */
const WITHOUT_MAXIMUM = 0;
const WITH_MAXIMUM = 1;

/** The module wants more memory than it may have, or memory of a kind that cannot be bounded. */
export class WasmMemoryError extends Error {
  override readonly name = 'WasmMemoryError';
}

/**
 * A copy of a module whose own memory cannot grow beyond a limit. Modules that import their memory are left alone: they
 * get none here.
 *
 * @param bytesMax - rounded down to pages of 64 KiB
 * @throws WasmMemoryError when the module begins with more, or has several memories; Error for bytes that are no module
 */
export function withMemoryLimit(wasm: Uint8Array, bytesMax: number): Uint8Array {
  const pagesMax = Math.floor(bytesMax / PAGE_BYTES);
  const parts: Uint8Array[] = [wasm.slice(0, HEADER_BYTES)];
  for (let at = HEADER_BYTES; at < wasm.length; ) {
    const [size, bodyAt] = readLeb(wasm, at + 1);
    const end = bodyAt + size;
    parts.push(wasm[at] === MEMORY_SECTION ? boundSection(wasm.subarray(bodyAt, end), pagesMax) : wasm.slice(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}

function boundSection(body: Uint8Array, pagesMax: number): Uint8Array {
  const [count, at] = readLeb(body, 0);
  if (count === 0) return Uint8Array.from([MEMORY_SECTION, body.length, ...body]);
  const flags = body[at];
  if (count !== 1 || (flags !== WITHOUT_MAXIMUM && flags !== WITH_MAXIMUM)) {
    throw new WasmMemoryError('the witness generator has memory of a kind that cannot be bounded');
  }
  const [minimum, maximumAt] = readLeb(body, at + 1);
  const declared = flags === WITH_MAXIMUM ? readLeb(body, maximumAt)[0] : Number.POSITIVE_INFINITY;
  if (minimum > pagesMax) {
    throw new WasmMemoryError(`the witness generator begins with ${minimum} pages of memory; ${pagesMax} are allowed`);
  }
  const bounded = [1, WITH_MAXIMUM, ...lebOf(minimum), ...lebOf(Math.min(declared, pagesMax))];
  return Uint8Array.from([MEMORY_SECTION, ...lebOf(bounded.length), ...bounded]);
}

/** Reads an unsigned LEB128 number of at most 32 bits: the number, and where the next byte is. */
function readLeb(bytes: Uint8Array, start: number): [number, number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, start + i + 1];
  }
  throw new Error('the witness generator is no WASM module');
}

function lebOf(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
