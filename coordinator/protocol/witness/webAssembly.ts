/** WebAssembly's constructors, which the type declarations of Node.js do not have. */

/** Linear memory; sizes are pages of 64 KiB. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Compiled code, without state. */
export type WasmModule = object;

/** What this project uses of `globalThis.WebAssembly`. */
interface WebAssemblyTools {
  Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (module: WasmModule, imports: Record<string, Record<string, unknown>>) => { exports: object };
  compile(bytes: Uint8Array): Promise<WasmModule>;
}

/** The engine's own `WebAssembly`. */
export const wasmTools = Reflect.get(globalThis, 'WebAssembly') as WebAssemblyTools;
