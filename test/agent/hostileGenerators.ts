/** Witness generators that nobody should have to run, as WASM written by hand. */

/** A section: its number, its size and its bytes. All sizes here are below 128, so each is one byte. */
const section = (id: number, ...bytes: number[]) => [id, bytes.length, ...bytes];
const named = (name: string) => [name.length, ...new TextEncoder().encode(name)];
const body = (...code: number[]) => [code.length + 2, 0, ...code, 0x0b];

const I32 = 0x7f;
const constant = (...leb: number[]) => [0x41, ...leb];

interface GeneratorParts {
  /** Instructions of `init`. */
  init?: number[];
  /** Pages of memory at the start, and at most. */
  memory?: [number] | [number, number];
  /** LEB128 of the number of wires. */
  witnessSize?: number[];
}

/** A module with the exports that are called until a witness is read: of BN254, without inputs. */
function generator({ init = [], memory = [1], witnessSize = [1] }: GeneratorParts): Uint8Array {
  const functions = ['getFieldNumLen32', 'init', 'getInputSize', 'getWitnessSize'];
  const bodies = [body(...constant(8)), body(...init), body(...constant(0)), body(...constant(...witnessSize))];
  const exported = functions.flatMap((name, index) => [...named(name), 0, index]);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, 0x60, 0, 1, I32, 0x60, 1, I32, 0),
    ...section(3, 4, 0, 1, 0, 0),
    ...section(5, 1, memory.length - 1, ...memory),
    ...section(7, 5, ...exported, ...named('memory'), 2, 0),
    ...section(10, 4, ...bodies.flat()),
  ]);
}

/** Never comes back: `loop br 0 end`. */
export const endlessGenerator = generator({ init: [0x03, 0x40, 0x0c, 0, 0x0b] });

/** Takes sixteen pages at a time until it gets no more, and stops then. */
export const greedyGenerator = generator({
  init: [0x03, 0x40, ...constant(16), 0x40, 0, ...constant(0x7f), 0x46, 0x04, 0x40, 0, 0x0b, 0x0c, 0, 0x0b],
});

/** Wants 127 pages, about 8 MB, before it does anything. */
export const wideGenerator = generator({ memory: [127] });

/** Says that its witness has 2^31 - 1 wires: 64 GB. */
export const boastfulGenerator = generator({ witnessSize: [0xff, 0xff, 0xff, 0xff, 0x07] });

/** Stops at once with a trap. */
export const trappingGenerator = generator({ init: [0] });
