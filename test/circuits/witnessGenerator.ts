/** Runs the committed witness generator: compiled once, a fresh instance for every witness. */
import { readFileSync } from 'node:fs';
import { circuitFiles } from '#circuits/circuitFiles.js';
import type { ChunkWitnessInput } from '#protocol/rollup/chunkWitness.js';

type Generator = {
  getFieldNumLen32(): number;
  readSharedRWMemory(place: number): number;
  writeSharedRWMemory(place: number, value: number): void;
  init(sanityCheck: number): void;
  setInputSignal(nameHigh: number, nameLow: number, position: number): void;
  getWitnessSize(): number;
  getWitness(wire: number): void;
};

/** Inputs under the circuit's names, possibly of values that no well-formed input has. */
export type LooseInput = { [Name in keyof ChunkWitnessInput]: unknown };

/** WebAssembly's constructors, which the type declarations of Node.js do not have. */
const { Module, Instance } = Reflect.get(globalThis, 'WebAssembly') as {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Generator };
};

let compiled: object | undefined;

/** All wires of the witness, or undefined when the generator refuses the input because a rule does not hold. */
export function generateWitness(input: LooseInput): bigint[] | undefined {
  compiled ??= new Module(readFileSync(circuitFiles().wasm));
  let refused = false;
  const runtime = {
    exceptionHandler(code: number) {
      refused = code === 4;
      throw new Error(`exception ${code} of the witness generator`);
    },
    printErrorMessage() {},
    writeBufferMessage() {},
    showSharedRWMemory() {},
  };
  const generator = new Instance(compiled, { runtime }).exports;
  try {
    generator.init(0);
    for (const [name, value] of Object.entries(input)) setInput(generator, name, value);
    return Array.from({ length: generator.getWitnessSize() }, (_, wire) => readWire(generator, wire));
  } catch (error) {
    if (refused) return undefined;
    throw error;
  }
}

function setInput(generator: Generator, name: string, value: unknown): void {
  const hash = fnv1a64(name);
  const values = [value].flat(9) as string[];
  for (const [position, text] of values.entries()) {
    let rest = BigInt(text);
    for (let i = 0; i < generator.getFieldNumLen32(); i++) {
      generator.writeSharedRWMemory(i, Number(rest & 0xffffffffn));
      rest >>= 32n;
    }
    generator.setInputSignal(Number(hash >> 32n), Number(hash & 0xffffffffn), position);
  }
}

function readWire(generator: Generator, wire: number): bigint {
  generator.getWitness(wire);
  let value = 0n;
  for (let i = generator.getFieldNumLen32() - 1; i >= 0; i--) {
    value = (value << 32n) | BigInt(generator.readSharedRWMemory(i) >>> 0);
  }
  return value;
}

function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) % 2n ** 64n;
  return hash;
}
