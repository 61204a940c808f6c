/**
 * A small assembler for WebAssembly, so that the field arithmetic can be written once, unrolled, and built when a prover
 * starts: no toolchain at install, no binary in the repository. Knows only the instructions that are used here.
 * Source: WebAssembly Core Specification 2.0, chapter 5 (binary format).
 */

/** Instructions in their binary form; an expression leaves one value on the stack. */
export type Code = readonly number[];

type ValueType = 'i32' | 'i64';

const TYPE_BYTE: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e };
const VOID_BLOCK = 0x40;
const END = 0x0b;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return [...bytes, rest];
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -64n || rest > 63n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) + 0x80);
  return [...bytes, Number(rest & 0x7fn)];
}

const vector = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const one = (byte: number) => (a: Code) => [...a, byte];
const two = (byte: number) => (a: Code, b: Code) => [...a, ...b, byte];
const simd = (code: number) => (a: Code, b: Code) => [...a, ...b, 0xfd, ...unsigned(code)];
const load =
  (...code: number[]) =>
  (address: Code, offset: number) => [...address, ...code, 0, ...unsigned(offset)];
const store =
  (...code: number[]) =>
  (address: Code, value: Code, offset: number) => [...address, ...value, ...code, 0, ...unsigned(offset)];

/** 32-bit integers, of which addresses are made. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signed(BigInt(value))],
  add: two(0x6a),
  sub: two(0x6b),
  mul: two(0x6c),
  and: two(0x71),
  xor: two(0x73),
  shl: two(0x74),
  shrU: two(0x76),
  eqz: one(0x45),
  load: load(0x28),
  store: store(0x36),
};

/** 64-bit integers; `load32S` widens a signed word, `store32` keeps the lower one. */
export const i64 = {
  const: (value: bigint): Code => [0x42, ...signed(value)],
  add: two(0x7c),
  sub: two(0x7d),
  mul: two(0x7e),
  and: two(0x83),
  shrS: two(0x87),
  load32S: load(0x34),
  store32: store(0x3e),
};

/** Four 32-bit integers at once. */
export const i32x4 = {
  load: load(0xfd, 0x00),
  store: store(0xfd, 0x0b),
  splat: (a: Code): Code => [...a, 0xfd, 0x11],
  sub: simd(0xb1),
  xor: simd(0x51),
};

/** Calls a function by its index; every function here takes addresses and returns nothing. */
export function call(index: number, ...args: Code[]): Code {
  return [...args.flat(), 0x10, ...unsigned(index)];
}

/** Repeats the body for as long as `goOn` leaves something other than zero at its end. */
export function doWhile(body: Code, goOn: Code): Code {
  return [0x03, VOID_BLOCK, ...body, ...goOn, 0x0d, 0, END];
}

/** Runs one of the two. */
export function ifElse(condition: Code, then: Code, otherwise: Code = []): Code {
  return [...condition, 0x04, VOID_BLOCK, ...then, ...(otherwise.length > 0 ? [0x05, ...otherwise] : []), END];
}

/** A local variable, by the code that reads it and that writes it. */
export class Local {
  readonly get: Code;
  readonly #index: number[];

  constructor(index: number) {
    this.#index = unsigned(index);
    this.get = [0x20, ...this.#index];
  }

  set(value: Code): Code {
    return [...value, 0x21, ...this.#index];
  }
}

/** A function while it is written: its parameters are 32-bit, its locals of any type, and it returns nothing. */
export class FunctionCode {
  readonly params: readonly Local[];
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];

  constructor(params: number) {
    this.params = Array.from({ length: params }, (_, i) => new Local(i));
  }

  local(type: ValueType): Local {
    this.#locals.push(type);
    return new Local(this.params.length + this.#locals.length - 1);
  }

  locals(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  emit(...codes: Code[]): void {
    for (const code of codes) for (const byte of code) this.#code.push(byte);
  }

  /** The function's type, and its body as the code section wants it. */
  finish(): { type: Code; body: Code } {
    const params = vector(this.params.map(() => [TYPE_BYTE.i32]));
    const locals = vector(this.#locals.map((type) => [1, TYPE_BYTE[type]]));
    const length = unsigned(locals.length + this.#code.length + 1);
    return { type: [0x60, ...params, 0], body: length.concat(locals, this.#code, END) };
  }
}

/** Collects functions into a module, which imports its memory as `env.memory`. */
export class ModuleCode {
  readonly #functions: { type: Code; body: Code }[] = [];
  readonly #exports: Code[] = [];

  /**
   * Adds a function, exported under its name.
   * @returns its index, for calls
   */
  add(name: string, params: number, write: (f: FunctionCode) => void): number {
    const f = new FunctionCode(params);
    write(f);
    const index = this.#functions.push(f.finish()) - 1;
    this.#exports.push([...text(name), 0, ...unsigned(index)]);
    return index;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const section = (id: number, body: Code) => [id, ...unsigned(body.length)].concat(body);
    const memory = [...text('env'), ...text('memory'), 2, 1, 1, ...unsigned(MEMORY_PAGES_MAX)];
    const bodies = unsigned(this.#functions.length).concat(...this.#functions.map(({ body }) => body));
    return new Uint8Array(
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(
        section(1, vector(this.#functions.map(({ type }) => type))),
        section(2, vector([memory])),
        section(3, vector(this.#functions.map((_, i) => unsigned(i)))),
        section(7, vector(this.#exports)),
        section(10, bodies),
      ),
    );
  }
}

/** What a module may grow to, in pages of 64 KiB: 256 MiB. */
export const MEMORY_PAGES_MAX = 4_096;

function text(name: string): number[] {
  return [...unsigned(name.length), ...Array.from(name, (letter) => letter.charCodeAt(0))];
}
