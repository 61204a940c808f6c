import { randomFillSync } from 'node:crypto';
import { FR_MODULUS } from '#protocol/strictReader.js';
import type { ZkProtocol } from '#protocol/zkProof.js';

/** Bytes of a field element. */
const FIELD_BYTES = 32;
/** Bytes before the first wire of a `wtns` file with one section for the sizes and one for the wires. */
const WIRES_AT = 76;
/** `randomFillSync` takes at most 2^31 - 1 bytes. */
const FILL_BYTES_MAX = 2 ** 30;

/**
 * The part of the whole work that is done when snarkjs notices that a witness breaks its circuit, in percent: never for
 * Groth16, at the division by the vanishing polynomial for the others. Measured on chains of 3,900 and 1,900
 * multiplications: PLONK 90, FFLONK 9 to 12.
 */
const DONE_PERCENT: Readonly<Record<ZkProtocol, number>> = { groth16: 100, plonk: 90, fflonk: 10 };

/**
 * A witness of random numbers: it satisfies nothing, but proving takes as long as for one that does, and somewhat longer
 * than for real ones, which are full of zeros and ones. To measure circuits that came without a sample.
 *
 * @returns the bytes of a `wtns` file, version 2
 */
export function rehearsalWitness(wires: number): Uint8Array {
  const file = new Uint8Array(WIRES_AT + wires * FIELD_BYTES);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode('wtns'));
  view.setUint32(4, 2, true);
  view.setUint32(8, 2, true);
  view.setUint32(12, 1, true);
  view.setBigUint64(16, BigInt(4 + FIELD_BYTES + 4), true);
  view.setUint32(24, FIELD_BYTES, true);
  for (let i = 0; i < 4; i += 1) {
    view.setBigUint64(28 + 8 * i, (FR_MODULUS >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn, true);
  }
  view.setUint32(60, wires, true);
  view.setUint32(64, 2, true);
  view.setBigUint64(68, BigInt(wires * FIELD_BYTES), true);
  for (let at = WIRES_AT; at < file.length; at += FILL_BYTES_MAX) {
    randomFillSync(file.subarray(at, Math.min(file.length, at + FILL_BYTES_MAX)));
  }
  // Below 2^253, and so below the modulus.
  for (let at = WIRES_AT + FIELD_BYTES - 1; at < file.length; at += FIELD_BYTES) file[at]! &= 0x1f;
  file.fill(0, WIRES_AT, WIRES_AT + FIELD_BYTES);
  file[WIRES_AT] = 1;
  return file;
}

/** What the whole work would take, when it was broken off as unsatisfied after `ms`. */
export function wholeMs(protocol: ZkProtocol, ms: number): number {
  return Math.ceil((ms * 100) / DONE_PERCENT[protocol]);
}
