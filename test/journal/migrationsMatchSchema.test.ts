import { expect, test } from 'vitest';
import { diffDatabaseToSchema } from '#prisma/schemaDiff.js';
import { createTestDatabase } from '../setup/database.js';

test('prisma/migrations bring a database exactly to prisma/schema.prisma (else: npm run db:migration -- NAME)', async () => {
  const database = await createTestDatabase();
  try {
    expect(await diffDatabaseToSchema(database.databaseUrl)).toBe('');
  } finally {
    await database.drop();
  }
});
