import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { createTestDatabase } from '../setup/database.js';

/** A server that keeps queues, and the ways in which a test may hurt it. */
export interface Server {
  connection: { databaseUrl: string } | { redisUrl: string };
  cutConnections(): Promise<void>;
  stop(): Promise<void>;
}

/** A database of the run's embedded server. */
export async function startPostgres(): Promise<Server> {
  const database = await createTestDatabase();
  const cutConnections = async () => {
    const client = new Client({ connectionString: database.databaseUrl });
    await client.connect();
    const others = 'datname = current_database() AND pid <> pg_backend_pid()';
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`);
    await client.end();
  };
  return { connection: { databaseUrl: database.databaseUrl }, cutConnections, stop: database.drop };
}

/** A `redis-server` from the PATH, on a free port of 127.0.0.1, that keeps nothing on disk. */
export async function startRedis(): Promise<Server> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--maxmemory-policy', 'noeviction'];
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('Ready to accept')) break;
  child.stdout.resume();
  const redisUrl = `redis://127.0.0.1:${port}`;
  const cutConnections = async () => {
    const client = new Redis(redisUrl);
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    client.disconnect();
  };
  return { connection: { redisUrl }, cutConnections, stop: () => kill(child) };
}

/** Ends a child process by SIGKILL and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
