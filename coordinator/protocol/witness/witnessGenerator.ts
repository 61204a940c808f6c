/**
 * Runs a circom 2 witness generator: compiled once, a fresh instance for every witness, so that no witness sees the
 * memory of another. Made here rather than by snarkjs, which compiles the WASM anew and reserves 2 GB for each call.
 * Source: the interface of WASM generators of circom 2 (`getInputSignalSize`, `setInputSignal`, `getWitness`, ...).
 */
import { FR_MODULUS } from '#protocol/strictReader.js';
import { WasmMemoryError, withMemoryLimit } from './wasmMemoryLimit.js';
import { type WasmModule, wasmTools } from './webAssembly.js';

/** Inputs by signal name: decimal strings, or arrays of them nested to any depth. */
export type WitnessInput = Readonly<Record<string, unknown>>;

/** A place in a circuit's source where a rule did not hold, as circom tells it. */
export interface CircuitPlace {
  template: string;
  line: number;
}

/** What is wrong with an input, or with its generator: only the first two are the input's fault. */
export type WitnessFlaw = 'unsatisfied' | 'inputShape' | 'witnessMemoryLimit' | 'witnessCrashed';

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

/** 32-bit words of a field element of BN254. */
const FIELD_WORDS = 8;
const FIELD_BYTES = 4 * FIELD_WORDS;

/** How much of what a generator has to say is read, in characters, and how many places of it are told. */
const MESSAGE_MAX = 4_000;
const PLACES_MAX = 8;

/**
 * The input makes no witness. The message names places in the circuit and nothing else of what the generator says: it is
 * other people's code and has seen a private input.
 */
export class WitnessError extends Error {
  override readonly name = 'WitnessError';
  readonly flaw: WitnessFlaw;
  readonly places: readonly CircuitPlace[];
  constructor(flaw: WitnessFlaw, message: string, places: readonly CircuitPlace[] = []) {
    super(message);
    this.flaw = flaw;
    this.places = places;
  }
}

/** Makes witnesses of one circuit. */
export class WitnessGenerator {
  readonly #compiled: WasmModule;
  readonly #memoryBytesMax: number;

  private constructor(compiled: WasmModule, memoryBytesMax: number) {
    this.#compiled = compiled;
    this.#memoryBytesMax = memoryBytesMax;
  }

  /**
   * Compiles a generator.
   * @param memoryBytesMax - the most that its memory, or a witness, may take
   * @throws WebAssembly.CompileError for bytes that are none; WitnessError for one that begins with more memory
   */
  static async compile(wasm: Uint8Array, memoryBytesMax: number): Promise<WitnessGenerator> {
    try {
      const bounded = withMemoryLimit(wasm, memoryBytesMax);
      return new WitnessGenerator(await wasmTools.compile(bounded), memoryBytesMax);
    } catch (error) {
      if (error instanceof WasmMemoryError) throw new WitnessError('witnessMemoryLimit', error.message);
      throw error;
    }
  }

  /**
   * Calculates a witness.
   * @returns the bytes of a `wtns` file, version 2, as snarkjs and rapidsnark read it
   * @throws WitnessError when there is none
   */
  generate(input: WitnessInput): Uint8Array {
    let code = 0;
    let said = '';
    let generator: Generator;
    const runtime = {
      exceptionHandler(raised: number) {
        code = raised;
        throw new Error('raised');
      },
      printErrorMessage: () => {
        if (said.length < MESSAGE_MAX) said += messageOf(generator as never);
      },
      writeBufferMessage() {},
      showSharedRWMemory() {},
      printDebug() {},
    };
    try {
      generator = new wasmTools.Instance(this.#compiled, { runtime }).exports as unknown as Generator;
      if (generator.getFieldNumLen32() !== FIELD_WORDS) {
        throw new WitnessError('witnessCrashed', 'the witness generator is of another field than BN254');
      }
      generator.init(0);
      setInputs(generator, input);
      const wires = generator.getWitnessSize();
      if (!(wires >= 0 && wires * FIELD_BYTES <= this.#memoryBytesMax)) {
        throw new WitnessError('witnessMemoryLimit', `the witness is larger than ${this.#memoryBytesMax} bytes`);
      }
      return wtnsFileOf(generator, wires);
    } catch (error) {
      if (error instanceof WitnessError) throw error;
      throw code === 0 ? this.#trapped(generator!, error) : refusalOf(code, said);
    }
  }

  /** The generator stopped by itself. With half of its memory used up, more was most likely refused: many double it. */
  #trapped(generator: Generator | undefined, error: unknown): WitnessError {
    const memory = (generator as { memory?: { buffer?: { byteLength?: unknown } } } | undefined)?.memory;
    const bytes = Number(memory?.buffer?.byteLength ?? 0);
    const name = error instanceof Error ? error.name : 'an error';
    return bytes >= this.#memoryBytesMax / 2
      ? new WitnessError(
          'witnessMemoryLimit',
          `the witness generator stopped with ${bytes} of ${this.#memoryBytesMax} bytes of memory in use`,
        )
      : new WitnessError('witnessCrashed', `the witness generator stopped with ${name}`);
  }
}

/** What an exception of the generator means. Source: the exceptions of circom's WASM witness calculators. */
function refusalOf(code: number, said: string): WitnessError {
  const found = [...said.matchAll(/Error in template (\w{1,128}) line: (\d{1,7})/g)].slice(0, PLACES_MAX);
  // circom appends the number of the instance to the template's name.
  const places = found.map(([, name, line]) => ({ template: name!.replace(/_\d+$/, ''), line: Number(line) }));
  if (code === ASSERT_FAILED) {
    const where =
      places.map(({ template, line }) => `${template} line ${line}`).join(', in ') || 'a place it does not name';
    return new WitnessError('unsatisfied', `the input breaks a rule of the circuit: ${where}`, places);
  }
  return new WitnessError('inputShape', `the witness generator refused the input: exception ${code}`);
}

function messageOf(generator: { getMessageChar(): number }): string {
  let text = '';
  for (
    let char = generator.getMessageChar();
    char !== 0 && text.length < MESSAGE_MAX;
    char = generator.getMessageChar()
  ) {
    text += String.fromCharCode(char);
  }
  return `${text} `;
}

function setInputs(generator: Generator, input: WitnessInput): void {
  let count = 0;
  for (const [name, value] of Object.entries(input)) {
    const [high, low] = signalHash(name);
    const values = Array.isArray(value) ? (value as unknown[]).flat(Number.POSITIVE_INFINITY) : [value];
    const size = generator.getInputSignalSize(high, low);
    if (size !== values.length) throw new WitnessError('inputShape', `signal ${name.slice(0, 64)} has another size`);
    for (const [position, value] of values.entries()) {
      let rest = fieldElementOf(value);
      for (let i = 0; i < FIELD_WORDS; i++) {
        generator.writeSharedRWMemory(i, Number(rest & 0xffffffffn));
        rest >>= 32n;
      }
      generator.setInputSignal(high, low, position);
      count += 1;
    }
  }
  if (count !== generator.getInputSize()) throw new WitnessError('inputShape', 'signals of the circuit are missing');
}

/** A number of an input, spelled as snarkjs would take it; the message of a wrong one does not quote it. */
function fieldElementOf(value: unknown): bigint {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value);
  const isText = typeof value === 'string' && /^(-?\d{1,78}|0x[0-9a-fA-F]{1,64})$/.test(value);
  if (!isNumber && !isText) throw new WitnessError('inputShape', 'an input is not a whole number');
  const rest = BigInt(value as string | number) % FR_MODULUS;
  return rest < 0n ? rest + FR_MODULUS : rest;
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
function wtnsFileOf(generator: Generator, wires: number): Uint8Array {
  const file = new Uint32Array(3 + 3 + 1 + FIELD_WORDS + 1 + 3 + wires * FIELD_WORDS);
  let place = 0;
  const put = (...values: number[]) => {
    for (const value of values) file[place++] = value;
  };
  const putShared = () => {
    for (let i = 0; i < FIELD_WORDS; i++) file[place++] = generator.readSharedRWMemory(i);
  };
  const bytesOfWires = wires * FIELD_BYTES;
  put(WTNS_MAGIC, 2, 2);
  put(1, 4 + FIELD_BYTES + 4, 0, FIELD_BYTES);
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

/** Bytes of a `wtns` file of this module before its first wire, and of each wire. */
const WIRES_AT = 4 * (3 + 3 + 1 + FIELD_WORDS + 1 + 3);

/** The public signals of a witness made here: the wires behind the first, which is the constant one. */
export function publicSignalsOf(wtns: Uint8Array, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const at = WIRES_AT + (index + 1) * FIELD_BYTES;
    const bytes = wtns.slice(at, at + FIELD_BYTES).reverse();
    return BigInt(`0x${Buffer.from(bytes).toString('hex')}`).toString();
  });
}

/** "wtns" in ASCII, little-endian. */
const WTNS_MAGIC = 0x736e7477;
