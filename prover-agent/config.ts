import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CIRCUIT_SETTINGS } from './settings/circuitSettings.js';
import { ConfigError } from './settings/configError.js';
import { EARNING_SETTINGS } from './settings/earningSettings.js';
import { IDENTITY_SETTINGS } from './settings/identitySettings.js';
import { MACHINE_SETTINGS } from './settings/machineSettings.js';
import { METRICS_SETTINGS } from './settings/metricsSettings.js';
import { settingsOf } from './settings/setting.js';

export { ConfigError };

/**
 * An agent's settings. Prices are wei, times milliseconds. Keys are not among them, only where they are: they come as
 * accounts, so that settings may be printed.
 */
export const agentConfigSchema = z
  .strictObject({
    ...IDENTITY_SETTINGS,
    ...MACHINE_SETTINGS,
    ...CIRCUIT_SETTINGS,
    ...EARNING_SETTINGS,
    ...METRICS_SETTINGS,
  })
  .readonly();
export type AgentConfig = z.output<typeof agentConfigSchema>;

/** Every setting with its place in the file, its flag and what it says: the source of help, file and documents. */
export const AGENT_SETTINGS = settingsOf(agentConfigSchema.unwrap().shape);

/** Checks settings. Throws ConfigError that names each wrong one and says what it must be. */
export function parseAgentConfig(input: z.input<typeof agentConfigSchema>): AgentConfig {
  const parsed = agentConfigSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const flaws = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'settings'}: ${message}`);
  throw new ConfigError(flaws.join('; '));
}

/** Where an agent keeps things inside its data folder. */
export function agentPaths(dataDir: string) {
  return {
    lock: join(dataDir, 'agent.lock'),
    /** What the coordinator knows this agent by, over restarts. */
    identity: join(dataDir, 'agent-id'),
    artifacts: join(dataDir, 'artifacts'),
    measurements: join(dataDir, 'measurements.json'),
    /** What zkProofs were expected to take and took. */
    provingTimes: join(dataDir, 'proving-times.jsonl'),
    /** What `agent bench` has measured. */
    bench: join(dataDir, 'bench.json'),
    /** Bids that were committed to and must be opened. */
    unopenedBids: join(dataDir, 'unopened-bids.json'),
    receipts: join(dataDir, 'receipts.jsonl'),
    /** What the agent does, for `agent status`. */
    status: join(dataDir, 'status.json'),
    /** Witnesses for external provers, for the time of one zkProof. */
    work: resolve(dataDir, 'work'),
  };
}
