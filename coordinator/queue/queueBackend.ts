import { createPostgresBackend, Queue, runMigrations, Worker, type WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import type { BellLog } from './bellQueue.js';

const SCHEMA = 'bullmq';
const POOL_CONNECTIONS_MAX = 8;

/** Where queueJobs are kept. Exactly this file knows that there are two kinds. */
export interface QueueBackend {
  kind: 'postgres' | 'redis';
  openQueue<Data>(name: string): Queue<Data>;
  openWorker<Data>(name: string, handler: (data: Data) => Promise<void>, options: WorkerSettings): Worker<Data>;
  /** Call after all queues and workers are closed. */
  close(): Promise<void>;
}

type WorkerSettings = Omit<WorkerOptions, 'connection'>;

/** One of: a PostgreSQL server, or a Redis server, which takes precedence. */
export interface QueueBackendOptions {
  /** `postgres://` URL. */
  databaseUrl?: string;
  /** Connections to use instead of own ones: opened with `options: '-c search_path=bullmq,public'`, three or more. */
  pool?: Pool;
  /** `redis://` URL of a server whose `maxmemory-policy` is `noeviction`. */
  redisUrl?: string;
}

/**
 * Connects to the place where queueJobs are kept, and creates its tables where they are missing.
 *
 * @throws Error when neither server is named, or PostgreSQL cannot be reached
 */
export async function openQueueBackend(options: QueueBackendOptions, log: BellLog): Promise<QueueBackend> {
  if (options.redisUrl) return openRedis(options.redisUrl, log);
  const pool = options.pool ?? openPool(options.databaseUrl, log);
  try {
    await migrate(pool);
  } catch (error) {
    if (!options.pool) await pool.end();
    throw error;
  }
  return {
    kind: 'postgres',
    openQueue: (name) => new Queue(name, { connection: pool as never }, createPostgresBackend as never),
    openWorker: (name, handler, settings) =>
      new Worker(
        name,
        (queueJob) => handler(queueJob.data),
        { ...settings, connection: pool as never },
        createPostgresBackend as never,
      ),
    close: async () => {
      if (!options.pool) await pool.end();
    },
  };
}

function openPool(databaseUrl: string | undefined, log: BellLog): Pool {
  if (!databaseUrl) throw new Error('The queue needs a PostgreSQL URL or pool, or a Redis URL.');
  const pool = new Pool({
    connectionString: databaseUrl,
    max: POOL_CONNECTIONS_MAX,
    options: `-c search_path=${SCHEMA},public`,
    keepAlive: true,
  });
  pool.on('error', ({ message }) => {
    // A pool that ends does not wait for its sockets, which the server then cuts.
    if (!pool.ending) log.warn({ reason: message }, 'queue lost a database connection');
  });
  return pool;
}

async function migrate(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client as never, SCHEMA);
  } finally {
    client.release();
  }
}

/** Producers fail soon while Redis is away (their caller tries again); workers wait for it for ever. */
function openRedis(redisUrl: string, log: BellLog): QueueBackend {
  const connect = (maxRetriesPerRequest: number | null) => {
    const connection = new Redis(redisUrl, { maxRetriesPerRequest });
    connection.on('error', (error) => log.warn({ error }, 'queue has no connection to Redis'));
    connections.push(connection);
    return connection;
  };
  const connections: Redis[] = [];
  return {
    kind: 'redis',
    openQueue: (name) => new Queue(name, { connection: connect(1) as never }),
    openWorker: (name, handler, settings) =>
      new Worker(name, (queueJob) => handler(queueJob.data), { ...settings, connection: connect(null) as never }),
    close: async () => {
      for (const connection of connections) connection.disconnect();
    },
  };
}
