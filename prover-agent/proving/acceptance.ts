import { z } from 'zod';
import type { CircuitView } from '#protocol/views.js';
import { ZK_PROTOCOLS, type ZkProtocol } from '#protocol/zkProof.js';
import type { AgentConfig } from '../config.js';
import { chosenFor } from './backends/backendChoice.js';
import { usableMemoryMb } from './memoryGuard.js';

/** Rules that an operator may give. */
const RULES_MAX = 256;

const MIB = 1_048_576;

/** One rule: a circuit's id or name, `kind:` or `protocol:` with a value, or `*` for every circuit. */
const ruleSchema = z
  .string()
  .regex(
    /^(\*|0x[0-9a-f]{64}|kind:(transferRollup|generic)|protocol:(groth16|plonk|fflonk)|(?!kind:|protocol:|0x)[^\s,]{1,128})$/,
    'must be a circuit’s id or name, kind:transferRollup, kind:generic, protocol:groth16, protocol:plonk, protocol:fflonk, or *',
  );

/** Which circuits are served: those that any rule names. By default the market's own, which strangers cannot add to. */
export const acceptSchema = z.array(ruleSchema).min(1).max(RULES_MAX).default(['kind:transferRollup']);

/** What an agent takes on, in bytes where it is a size. */
export interface Acceptance {
  accept: readonly string[];
  /** The largest proving key. */
  zkeyBytesMax: number;
  /** The most memory that the zkProofs made at once may take. */
  memoryBytesMax: number;
  /** zkProofs at once. */
  slots: number;
  /** Whether an external program proves a circuit: it has its own limits. */
  isExternal(circuit: Pick<CircuitView, 'circuitId' | 'name'>): boolean;
}

/** Why a circuit is passed by; `reason` says what to change. */
export interface PassedBy {
  code: 'notAccepted' | 'protocolUnknown' | 'zkeyTooLarge' | 'memoryTooSmall';
  reason: string;
}

/** What an agent's settings say of the circuits it serves. */
export function acceptanceOf(config: AgentConfig): Acceptance {
  return {
    accept: config.accept,
    zkeyBytesMax: config.zkeyMaxMb * MIB,
    memoryBytesMax: (config.memoryMb ?? usableMemoryMb()) * MIB,
    slots: config.slots,
    isExternal: (circuit) => chosenFor(config.backends, circuit) !== null,
  };
}

type Candidate = Pick<CircuitView, 'circuitId' | 'name' | 'kind' | 'protocol' | 'zkey'>;

/** Why this agent does not serve a circuit; null when it does. */
export function passedBy(circuit: Candidate, acceptance: Acceptance): PassedBy | null {
  const { accept, zkeyBytesMax, memoryBytesMax, slots } = acceptance;
  if (!ZK_PROTOCOLS.some((one) => one === circuit.protocol)) {
    return { code: 'protocolUnknown', reason: `this version proves ${ZK_PROTOCOLS.join(', ')}` };
  }
  if (!accept.some((rule) => fits(rule, circuit))) {
    return { code: 'notAccepted', reason: `no rule of --accept (${accept.join(', ')}) names it` };
  }
  const megabytes = (bytes: number) => Math.ceil(bytes / MIB);
  if (circuit.zkey.bytes > zkeyBytesMax) {
    const sizes = `its proving key has ${megabytes(circuit.zkey.bytes)} MB, at most ${megabytes(zkeyBytesMax)} are taken`;
    return { code: 'zkeyTooLarge', reason: `${sizes} (--zkey-max)` };
  }
  if (acceptance.isExternal(circuit)) return null;
  const needed = estimatedMemoryBytes(circuit.protocol, circuit.zkey.bytes, slots);
  if (needed > memoryBytesMax) {
    const sizes = `proving takes about ${megabytes(needed)} MB in ${slots} slots, ${megabytes(memoryBytesMax)} may be used`;
    return { code: 'memoryTooSmall', reason: `${sizes} (--memory, --slots)` };
  }
  return null;
}

function fits(rule: string, { circuitId, name, kind, protocol }: Candidate): boolean {
  return [circuitId, name, '*', `kind:${kind}`, `protocol:${protocol}`].includes(rule);
}

/** Bytes of a process without any zkProof, and what each proof system takes at once by bytes of its proving key. */
const PROCESS_BYTES = 100 * MIB;
const BYTES_PER_ZKEY_BYTE: Readonly<Record<ZkProtocol, number>> = { groth16: 4, plonk: 10, fflonk: 14 };

/**
 * About what snarkjs takes to prove a circuit in so many slots, the shared proving key included. Measured as resident
 * memory: Groth16 with a key of 37 MB, PLONK with one of 14 MB, FFLONK with one of 10 MB. An external prover takes less.
 */
export function estimatedMemoryBytes(protocol: ZkProtocol, zkeyBytes: number, slots: number): number {
  return PROCESS_BYTES + zkeyBytes * (1 + slots * BYTES_PER_ZKEY_BYTE[protocol]);
}
