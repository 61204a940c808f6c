import { open } from 'node:fs/promises';
import type { ZkProtocol } from '#protocol/zkProof.js';

/** What a proving key's header says of its circuit. */
export interface ZkeyHeader {
  protocol: ZkProtocol;
  /** Wires of a witness, the constant one included. */
  wires: number;
  publicSignals: number;
  domainSize: number;
}

/** Numbers of the proof systems in a `zkey` file. */
const PROTOCOLS: Readonly<Record<number, ZkProtocol>> = { 1: 'groth16', 2: 'plonk', 10: 'fflonk' };

/** "zkey" in ASCII, little-endian. */
const MAGIC = 0x79656b7a;

/** Sections of a file are few; one that names more is none. */
const SECTIONS_MAX = 64;

/** Bytes of a section's head, and those of a header that are read: two field sizes and primes, and the sizes. */
const SECTION_HEAD_BYTES = 12;
const SIZES_BYTES = 4 + 32 + 4 + 32 + 16;

/** Reads bytes of a file at a place; fewer at its end. */
type ReadAt = (at: number, bytes: number) => Promise<Uint8Array> | Uint8Array;

/**
 * Reads the header of a proving key, so that one of another circuit or proof system is refused before hours are spent on
 * it. Source: the layout that snarkjs 0.7 writes (magic, version, number of sections; section 1 names the system, 2 has
 * its sizes; they come in any order).
 *
 * @param zkey - the bytes of a `zkey` file, or its path
 * @throws Error that says what is wrong
 */
export async function readZkeyHeader(zkey: Uint8Array | string): Promise<ZkeyHeader> {
  if (typeof zkey !== 'string') return headerOf((at, bytes) => zkey.subarray(at, at + bytes));
  const file = await open(zkey, 'r');
  try {
    return await headerOf(async (at, bytes) => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, at);
      return buffer.subarray(0, bytesRead);
    });
  } finally {
    await file.close();
  }
}

async function headerOf(read: ReadAt): Promise<ZkeyHeader> {
  const viewOf = async (at: number, bytes: number) => {
    const found = await read(at, bytes);
    return new DataView(found.buffer, found.byteOffset, found.byteLength);
  };
  try {
    const start = await viewOf(0, SECTION_HEAD_BYTES);
    if (start.getUint32(0, true) !== MAGIC) throw new Error('the proving key is no zkey file');
    const sections = Math.min(start.getUint32(8, true), SECTIONS_MAX);
    let [protocol, sizes]: [ZkProtocol | undefined, DataView | undefined] = [undefined, undefined];
    for (let [at, seen] = [SECTION_HEAD_BYTES, 0]; seen < sections && !(protocol && sizes); seen += 1) {
      const head = await viewOf(at, SECTION_HEAD_BYTES + 4);
      const kind = head.getUint32(0, true);
      if (kind === 1) protocol = PROTOCOLS[head.getUint32(SECTION_HEAD_BYTES, true)];
      if (kind === 2) sizes = await viewOf(at + SECTION_HEAD_BYTES, SIZES_BYTES);
      at += SECTION_HEAD_BYTES + Number(head.getBigUint64(4, true));
    }
    if (protocol && sizes) return sizesOf(sizes, protocol);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new Error('the proving key is no zkey file of groth16, plonk or fflonk');
}

function sizesOf(view: DataView, protocol: ZkProtocol): ZkeyHeader {
  const afterBase = 4 + view.getUint32(0, true);
  const at = afterBase + 4 + view.getUint32(afterBase, true);
  const [variables, publicSignals, domainSize] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true));
  // PLONK and FFLONK add variables of their own, which are no wires of the circuit.
  const added = protocol === 'groth16' ? 0 : view.getUint32(at + 12, true);
  return { protocol, wires: variables! - added, publicSignals: publicSignals!, domainSize: domainSize! };
}
