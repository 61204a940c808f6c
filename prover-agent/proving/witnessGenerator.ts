/**
 * Runs a circom 2 witness generator: compiled once, a fresh instance for every witness, so that no witness sees the
 * memory of another. Made here rather than by snarkjs, which compiles the WASM anew and reserves 2 GB for each call.
 * Source: the interface of WASM generators of circom 2 (`getInputSignalSize`, `setInputSignal`, `getWitness`, ...).
 */
import { type WasmModule, wasmTools } from './webAssembly.js';

/** Inputs by signal name: decimal strings, or arrays of them nested to any depth. */
export type WitnessInput = Readonly<Record<string, unknown>>;

/** Exports of a witness generator that are used here. Numbers are exchanged as 32-bit words, the lowest first. */
interface Generator {
  getFieldNumLen32(): number;
  getRawPrime(): void;
  readSharedRWMemory(place: number): number;
  writeSharedRWMemory(place: number, value: number): void;
  init(sanityCheck: number): void;
  getInputSize(): number;
  getInputSignalSize(nameHigh: number, nameLow: number): number;
  setInputSignal(nameHigh: number, nameLow: number, position: number): void;
  getWitnessSize(): number;
  getWitness(wire: number): void;
}

/** The code by which a generator says that a constraint does not hold. */
const ASSERT_FAILED = 4;

/**
 * The input makes no witness. `unsatisfied` tells an input that breaks a rule of the circuit from one of another shape.
 * The message names a place in the circuit and never a value of the input.
 */
export class WitnessError extends Error {
  override readonly name = 'WitnessError';
  readonly unsatisfied: boolean;
  constructor(message: string, unsatisfied: boolean) {
    super(message);
    this.unsatisfied = unsatisfied;
  }
}

/** Makes witnesses of one circuit. */
export class WitnessGenerator {
  readonly #compiled: WasmModule;

  private constructor(compiled: WasmModule) {
    this.#compiled = compiled;
  }

  /** Compiles a generator. Throws WebAssembly.CompileError for bytes that are none. */
  static async compile(wasm: Uint8Array): Promise<WitnessGenerator> {
    // V8 does not compile from shared memory.
    return new WitnessGenerator(await wasmTools.compile(new Uint8Array(wasm)));
  }

  /**
   * Calculates a witness.
   * @returns the bytes of a `wtns` file, version 2, as snarkjs reads it
   * @throws WitnessError when the input is unsatisfiable or has another shape than the circuit
   */
  generate(input: WitnessInput): Uint8Array {
    let code = 0;
    let message = '';
    let generator: Generator;
    const runtime = {
      exceptionHandler(raised: number) {
        code = raised;
        throw new Error('raised');
      },
      printErrorMessage: () => {
        message += messageOf(generator as never);
      },
      writeBufferMessage() {},
      showSharedRWMemory() {},
      printDebug() {},
    };
    generator = new wasmTools.Instance(this.#compiled, { runtime }).exports as unknown as Generator;
    try {
      generator.init(0);
      setInputs(generator, input);
    } catch (error) {
      if (code === 0) throw error;
      const where = message.trim().slice(0, 200) || `exception ${code}`;
      throw new WitnessError(`the witness generator refused the input: ${where}`, code === ASSERT_FAILED);
    }
    return wtnsFileOf(generator);
  }
}

function messageOf(generator: { getMessageChar(): number }): string {
  let text = '';
  for (let char = generator.getMessageChar(); char !== 0 && text.length < 1_000; char = generator.getMessageChar()) {
    text += String.fromCharCode(char);
  }
  return `${text} `;
}

function setInputs(generator: Generator, input: WitnessInput): void {
  const words = generator.getFieldNumLen32();
  let count = 0;
  for (const [name, value] of Object.entries(input)) {
    const [high, low] = signalHash(name);
    const values = Array.isArray(value) ? (value as unknown[]).flat(Number.POSITIVE_INFINITY) : [value];
    const size = generator.getInputSignalSize(high, low);
    if (size !== values.length) throw new WitnessError(`signal ${name.slice(0, 64)} has another size`, false);
    for (const [position, text] of values.entries()) {
      let rest = BigInt(text as string);
      for (let i = 0; i < words; i++) {
        generator.writeSharedRWMemory(i, Number(rest & 0xffffffffn));
        rest >>= 32n;
      }
      generator.setInputSignal(high, low, position);
      count += 1;
    }
  }
  if (count !== generator.getInputSize()) throw new WitnessError('signals of the circuit are missing', false);
}

/** FNV-1a of a signal's name, by which generators know their inputs; high and low 32 bits. */
function signalHash(name: string): [high: number, low: number] {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return [Number(hash >> 32n), Number(hash & 0xffffffffn)];
}

/** Writes the file: header section (field size, prime, number of wires), then the wires. All numbers little-endian. */
function wtnsFileOf(generator: Generator): Uint8Array {
  const words = generator.getFieldNumLen32();
  const wires = generator.getWitnessSize();
  const file = new Uint32Array(3 + 3 + 1 + words + 1 + 3 + wires * words);
  let place = 0;
  const put = (...values: number[]) => {
    for (const value of values) file[place++] = value;
  };
  const putShared = () => {
    for (let i = 0; i < words; i++) file[place++] = generator.readSharedRWMemory(i);
  };
  const bytesOfWires = wires * words * 4;
  put(WTNS_MAGIC, 2, 2);
  put(1, 4 + words * 4 + 4, 0, words * 4);
  generator.getRawPrime();
  putShared();
  put(wires);
  put(2, bytesOfWires >>> 0, Math.floor(bytesOfWires / 2 ** 32));
  for (let wire = 0; wire < wires; wire++) {
    generator.getWitness(wire);
    putShared();
  }
  return new Uint8Array(file.buffer);
}

/** "wtns" in ASCII, little-endian. */
const WTNS_MAGIC = 0x736e7477;
