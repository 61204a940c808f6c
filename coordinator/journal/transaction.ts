import type { Pool, PoolClient } from 'pg';

/**
 * Runs work in one transaction: committed when it returns, rolled back when it throws. A connection that cannot even
 * roll back is thrown away.
 */
export async function inTransaction(
  pool: Pool,
  isolation: 'READ COMMITTED' | 'REPEATABLE READ',
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Errors of the connection concern the whole batch, not one of its commands. */
export function isConnectionError(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code ?? '';
  return code.startsWith('08') || code.startsWith('57') || /^E[A-Z]+$/.test(code);
}
