import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type Address, addressSchema, labelSchema } from '#protocol/units.js';
import { backendChoicesSchema } from './proving/backends/backendChoice.js';
import { WITNESS_LIMITS } from './proving/guardedWitness.js';

const wei = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,59})$/, 'must be an amount in wei as a whole number, such as 1500000')
  .transform(BigInt);

const coordinatorUrl = z
  .url({ protocol: /^https?$/, error: 'must be the address of a coordinator, such as http://127.0.0.1:8787' })
  .max(256)
  .transform((text) => text.replace(/\/+$/, ''));

/**
 * An agent's settings. Prices are wei, times milliseconds. Keys are not among them: they come as accounts, so that
 * settings may be printed.
 */
export const agentConfigSchema = z
  .strictObject({
    coordinator: coordinatorUrl,
    name: labelSchema.default('prover'),
    /** Measurements and artifacts are kept here, and the lock that keeps a second agent out. */
    dataDir: z.string().min(1).max(4_096),
    /** Files to use instead of a download when their hash fits. */
    artifactDir: z.string().min(1).max(4_096).nullable().default(null),
    /** Price of a job by promised proving time; ignored when `priceWei` is given. */
    pricePerSecondWei: wei.default(1_000_000_000_000n),
    priceWei: wei.nullable().default(null),
    /** Price to stand by for a job; null: a twentieth of the price to prove it. */
    standbyWei: wei.nullable().default(null),
    /** Threads of one zkProof. */
    threads: z.int().min(1).max(64).default(1),
    /** zkProofs at once. */
    slots: z.int().min(1).max(64).default(1),
    /** Makes an honest but slow prover for demonstrations: every zkProof takes this many times as long. */
    handicap: z.number().min(1).max(1_000).default(1),
    /** At a clean stop, running work that is expected to take no longer is finished; the rest is handed back. */
    finishMs: z.int().min(0).max(3_600_000).default(10_000),
    /** Take part in the pool: prove what nobody bought, or what both sides failed at. */
    pool: z.boolean().default(true),
    /** Verify every zkProof before sending it. */
    selfCheck: z.boolean().default(true),
    /** External provers, each for a circuit: `<circuit id, name or *>=<command>`. All others are proven by snarkjs. */
    backends: backendChoicesSchema.default([]),
    /** What a witness generator may take before it is ended: time, and memory in MiB. */
    witnessLimitMs: z.int().min(100).max(3_600_000).default(WITNESS_LIMITS.limitMs),
    witnessMemoryMb: z
      .int()
      .min(1)
      .max(4_096)
      .default(WITNESS_LIMITS.memoryBytes / 1_048_576),
  })
  .readonly();
export type AgentConfig = z.output<typeof agentConfigSchema>;

/** A setting that cannot be used; the message names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Checks settings. Throws ConfigError that names each wrong one and says what it must be. */
export function parseAgentConfig(input: z.input<typeof agentConfigSchema>): AgentConfig {
  const parsed = agentConfigSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const flaws = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'settings'}: ${message}`);
  throw new ConfigError(flaws.join('; '));
}

/** Reads the address of an owner. Throws ConfigError. */
export function parseAddress(text: string): Address {
  const parsed = addressSchema.safeParse(text);
  if (!parsed.success) throw new ConfigError('owner: must be an address: 0x and 40 hexadecimal digits');
  return parsed.data;
}

/** Where an agent keeps things inside its data folder. */
export function agentPaths(dataDir: string) {
  return {
    lock: join(dataDir, 'agent.lock'),
    artifacts: join(dataDir, 'artifacts'),
    measurements: join(dataDir, 'measurements.json'),
    /** Bids that were committed to and must be opened. */
    unopenedBids: join(dataDir, 'unopened-bids.json'),
    receipts: join(dataDir, 'receipts.jsonl'),
    /** Witnesses for external provers, for the time of one zkProof. */
    work: resolve(dataDir, 'work'),
  };
}
