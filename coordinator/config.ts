/** The coordinator's configuration: from flags and environment, checked once, with messages that say what to do. */
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { parseCosignerKey } from '#protocol/log/cosignature.js';
import { parametersSchema } from '#protocol/parameters.js';
import { addressSchema } from '#protocol/units.js';

/** Most cosigners that a coordinator asks: a note may have 100 signatures. */
const COSIGNERS_MAX = 16;

const cosignerSchema = z.string().transform((text, context) => {
  const [url = '', vkey = '', ...rest] = text.trim().split(/\s+/);
  const key = parseCosignerKey(vkey);
  if (key && rest.length === 0 && /^https?:\/\//.test(url)) return { url: url.replace(/\/+$/, ''), key };
  context.addIssue({
    code: 'custom',
    message: 'must be an address and a cosigner’s key, such as "http://127.0.0.1:8790 cosigner.example+0a1b2c3d+BA..."',
  });
  return z.NEVER;
});

export const coordinatorConfigSchema = z.strictObject({
  /** Folder of everything that this coordinator keeps: database (embedded), keys, lock. */
  dataDir: z.string().min(1),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 chooses a free port. */
  port: z.int().min(0).max(65_535).default(8787),
  /** A PostgreSQL server (15 or newer); without one, the embedded server is started in the data folder. */
  databaseUrl: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  /** A Redis server for the queue; without one, the queue lives in PostgreSQL. */
  redisUrl: z.url({ protocol: /^rediss?$/ }).optional(),
  /** Name of the log, without scheme, as tlog-checkpoint asks. */
  origin: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[^\s+]+$/, 'must be without spaces and plus signs')
    .default('localhost/understudy'),
  chainId: z.int().min(1).default(31_337),
  /** JSON-RPC addresses of the chain that holds the market's money, the preferred one first; none: demo money or none. */
  chainUrls: z
    .array(z.url({ protocol: /^https?$/ }))
    .max(8)
    .default([]),
  /** The settlement contract; needed when the market is bound to its chain, later the log knows it. */
  settlement: addressSchema.optional(),
  /** The block that the contract was deployed in; searched for when it is not given. */
  settlementBlock: z.int().min(0).optional(),
  /** The key that signs vouchers and pays for gas; in the data folder unless given. */
  chainKeyFile: z.string().min(1).optional(),
  /** Blocks that must stand on a fact of the chain before the ledger believes it. Counts when the market is bound. */
  confirmations: z.int().min(1).max(100_000).default(12),
  /** Between two balance roots. Counts when the market is bound. */
  epochMs: z.int().min(1_000).max(604_800_000).default(3_600_000),
  /** Between two looks at the chain. */
  chainPollMs: z.int().min(100).max(600_000).default(4_000),
  /** The most that is paid for a unit of gas, in gwei. */
  maxFeeGwei: z.int().min(1).max(1_000_000).default(500),
  /** Opens a market in which anybody may draw demo money. Only counts when the market is opened. */
  faucet: z.boolean().default(false),
  /** Most that the faucet gives at a time, in wei. */
  faucetLimitWei: z.bigint().default(1_000n * 10n ** 18n),
  /** Changes to the default parameters of a new market. */
  parameters: parametersSchema.partial().default({}),
  /** Largest file of a circuit that requesters may upload. */
  artifactBytesMax: z
    .int()
    .min(1_048_576)
    .max(2 ** 36)
    .default(536_870_912),
  verifierThreads: z.int().min(1).max(64).default(1),
  /** Requests a second and address; 0 is off. */
  rateLimitPerSec: z.int().min(0).default(600),
  /** The address that clients use, when it is not the one that is listened on. */
  publicUrl: z.url().optional(),
  /** Third parties that are asked to cosign checkpoints: `<url> <key>` each. */
  cosigners: z.array(cosignerSchema).max(COSIGNERS_MAX).default([]),
  /** Log what each busy period has cost this process: event loop delay and memory. See processMetrics.ts. */
  metrics: z.boolean().default(false),
  /** Serve Prometheus metrics on this port of 127.0.0.1; 0 chooses a free one. */
  metricsPort: z.int().min(0).max(65_535).optional(),
  /** Take clients' addresses from x-forwarded-for: only behind a proxy that sets it. */
  trustProxy: z.boolean().default(false),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});
export type CoordinatorConfig = z.infer<typeof coordinatorConfigSchema>;

/** What is given before defaults are filled in. */
export type CoordinatorSettings = z.input<typeof coordinatorConfigSchema>;

/** A setting is missing or wrong; the message names it and says what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Fills in defaults and checks. Throws {@link ConfigError}. */
export function checkConfig(settings: CoordinatorSettings): CoordinatorConfig {
  const parsed = coordinatorConfigSchema.safeParse(settings);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || 'config'}: ${message}`);
    throw new ConfigError(`The configuration is not usable:\n${lines.join('\n')}`);
  }
  const { dataDir } = parsed.data;
  return { ...parsed.data, dataDir: isAbsolute(dataDir) ? dataDir : resolve(dataDir) };
}
