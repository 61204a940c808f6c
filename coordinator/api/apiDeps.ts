/** What the API is given by the coordinator's main. */
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import type { PrismaClient } from '#prisma/generated/client.js';
import type { Address, Hex } from '#protocol/units.js';
import type { CircuitChecker } from '#verifier/circuitChecker.js';
import type { VerifierPool } from '#verifier/verifierPool.js';
import type { ArtifactShelf } from './artifactShelf.js';
import type { Heartbeats } from './heartbeats.js';
import type { HeavyWork } from './heavyWork.js';
import type { WorkingAgents } from './workingAgents.js';

/** Where witness generators and proving keys lie on disk. */
export interface ArtifactStore {
  /** Path of the file with this SHA-256 (`0x`, 64 digits); null when this coordinator does not serve it. */
  pathOf(sha256: Hex): string | null;
}

/** The public input of a circuit's sample by its hash; null when this coordinator does not have it. */
export type SampleInputs = (inputHash: Hex) => unknown;

/** A log of constant messages with typed fields; never keys, never inputs. */
export interface ApiLog {
  error(message: string, fields: Record<string, unknown>): void;
}

export interface ApiOptions {
  /** The address that clients use, such as `https://market.example`; login messages must then name its host. */
  publicUrl?: string;
  /** Requests a second and address; 0 is off. Loopback is not limited. Default {@link RATE_LIMIT_PER_SEC}. */
  rateLimitPerSec?: number;
  /** Feeds at once; default {@link STREAMS_MAX}. */
  streamsMax?: number;
  /** Take the client's address from the last part of x-forwarded-for: only behind a proxy that adds it. */
  trustProxy?: boolean;
  /** Check answers against the route table: for tests, it costs time. */
  checkResponses?: boolean;
}

/** Requests a second that one address may make unless configured otherwise. */
export const RATE_LIMIT_PER_SEC = 600;

/** Feeds that may be open at once unless configured otherwise. */
export const STREAMS_MAX = 1_000;

/** Feeds that one address may have open, loopback excepted: nobody may take the feed from all others. */
export const STREAMS_PER_ADDRESS_MAX = 100;

/** The coordinator's dealings with the chain, as far as the API tells of them. */
export interface SettlementDesk {
  status(): { headBlock: number; haltedReason: string | null; failure: string | null; lookedAtMs: number | null };
  /** The voucher of an account; null while vouchers are not given. */
  voucher(account: Address): Promise<{ cumulativeWei: bigint; signature: Hex } | null>;
}

export interface ApiDeps {
  journal: Journal;
  pool: Pool;
  prisma: PrismaClient;
  verifier: Pick<VerifierPool, 'checkVerificationKey'>;
  heavyWork: HeavyWork;
  heartbeats: Heartbeats;
  agents: WorkingAgents;
  /** Files of all circuits: those that the market brings, and those that were uploaded. */
  shelf: Pick<ArtifactShelf, 'pathOf' | 'received' | 'append' | 'keepSamples' | 'sampleInput'>;
  circuitChecker: Pick<CircuitChecker, 'jobsOf' | 'checkFiles'>;
  /** Inputs of the samples of the market's own circuits. */
  sampleInput: SampleInputs;
  /** The newest checkpoint of a log that a cosigner has signed; null before the first. */
  cosigned?: (log: number) => string | null;
  /** Absent on a market of demo money, and without a chain to ask. */
  settlement?: SettlementDesk;
  /** Folder of the built explorer; without it the root answers in a few words. */
  explorerFolder?: string;
  /** At least 32 secret bytes, the same in every replica: login nonces and tokens are authenticated with it. */
  tokenSecret: Uint8Array;
  nowMs: () => number;
  /** Most that the faucet gives at a time, in wei. Whether there is a faucet is the market's fact in the log. */
  faucetLimitWei: bigint;
  /** Further conditions of readiness, such as the queue's; resolves to false or throws while not ready. */
  isReady?: () => Promise<boolean>;
  log: ApiLog;
  options?: ApiOptions;
}
