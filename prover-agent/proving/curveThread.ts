/**
 * A thread of the curve: runs what a prover's main thread queues. Stands in for the workers that
 * ffjavascript would start itself, one for each core of the machine, whatever number of threads was asked for.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { wasmTools } from '#protocol/witness/webAssembly.js';
import { WindowSums, type WindowTask } from './msm/windowSums.js';

/** One step of a batch; `var` and `out` are places of the batch's own tables, sizes are bytes. */
export type CurveStep =
  | { cmd: 'ALLOCSET'; var: number; buff: Uint8Array }
  | { cmd: 'ALLOC'; var: number; len: number }
  | { cmd: 'SET'; var: number; buff: Uint8Array }
  | { cmd: 'CALL'; fnName: string; params: ({ var: number; offset?: number } | { val: number })[] }
  | { cmd: 'GET'; out: number; var: number; len: number };

/** What a thread is asked to do: a batch of ffjavascript's, or some windows of a multi-exponentiation. */
export type CurveWork = { steps: CurveStep[] } | { task: WindowTask };

/** What a thread is started with: the curve's WASM code, and a name for web-worker's sake (see proverThread.ts). */
export interface CurveThreadData {
  code: Uint8Array;
}

const PAGE_BYTES = 65_536;
const MEMORY_PAGES_MIN = 25;
const MEMORY_PAGES_MAX = 32_767;

/** The curve's WASM with its memory; the first word of the memory is the address of the first free byte. */
class CurveMemory {
  readonly #memory = new wasmTools.Memory({ initial: MEMORY_PAGES_MIN, maximum: MEMORY_PAGES_MAX });
  readonly #calls: Record<string, (...args: number[]) => unknown>;

  constructor(code: Uint8Array) {
    const compiled = new wasmTools.Module(new Uint8Array(code));
    const instance = new wasmTools.Instance(compiled, { env: { memory: this.#memory } });
    this.#calls = instance.exports as never;
  }

  /** Runs one batch; what it allocated is free again afterwards. */
  run(steps: readonly CurveStep[]): Uint8Array[] {
    const places: number[] = [];
    const out: Uint8Array[] = [];
    const freeBefore = this.#free();
    for (const step of steps) {
      if (step.cmd === 'CALL') {
        const args = step.params.map((one) => ('val' in one ? one.val : places[one.var]! + (one.offset ?? 0)));
        this.#calls[step.fnName]!(...args);
      } else if (step.cmd === 'GET') {
        out[step.out] = new Uint8Array(this.#memory.buffer, places[step.var]!, step.len).slice();
      } else {
        if (step.cmd !== 'SET')
          places[step.var] = this.#allocate(step.cmd === 'ALLOC' ? step.len : step.buff.byteLength);
        if (step.cmd !== 'ALLOC') new Uint8Array(this.#memory.buffer).set(step.buff, places[step.var]!);
      }
    }
    this.#setFree(freeBefore);
    return out;
  }

  #free(): number {
    return new Uint32Array(this.#memory.buffer, 0, 1)[0]!;
  }

  #setFree(address: number): void {
    new Uint32Array(this.#memory.buffer, 0, 1)[0] = address;
  }

  /** Takes bytes at an address divisible by four; keeps as many free behind them for what the WASM takes itself. */
  #allocate(bytes: number): number {
    const address = (this.#free() + 3) & ~3;
    const wanted = address + 2 * bytes;
    const missing = wanted - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#setFree(address + bytes);
    return address;
  }
}

if (parentPort) {
  const port = parentPort;
  const curve = new CurveMemory((workerData as CurveThreadData).code);
  let sums: WindowSums | null = null;
  port.on('message', (work: CurveWork) => {
    if ('steps' in work) {
      port.postMessage(curve.run(work.steps));
    } else {
      sums ??= new WindowSums();
      port.postMessage([sums.run(work.task)]);
    }
  });
}
