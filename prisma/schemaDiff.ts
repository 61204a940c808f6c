import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import type * as EngineModule from '@prisma/schema-engine-wasm';
import { Pool, type QueryResult } from 'pg';

/** The schema that the tables must agree with. */
export const SCHEMA_FILE = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url));

const EMPTY_SCRIPT = '-- This is an empty migration.';

/**
 * Compares a live database's tables with `prisma/schema.prisma` by the schema engine's WebAssembly build, offline.
 * What the schema language cannot say (check constraints, triggers, partial indexes) is not compared.
 *
 * @param databaseUrl - a PostgreSQL database to which all migrations have been applied
 * @returns the SQL that would bring the database to the schema; empty when they agree
 */
export async function diffDatabaseToSchema(databaseUrl: string): Promise<string> {
  const schema = { files: [{ path: SCHEMA_FILE, content: await readFile(SCHEMA_FILE, 'utf8') }] };
  const { SchemaEngine } = await loadEngine();
  const pool = new Pool({ connectionString: databaseUrl, max: 1 });
  const adapter = bindMigrationAwareSqlAdapterFactory(createCatalogAdapter(pool));
  const engine = await SchemaEngine.new({ datamodels: [[SCHEMA_FILE, schema.files[0]!.content]] }, () => {}, adapter);
  try {
    const result = await engine.diff({
      from: { tag: 'schemaDatasource', configDir: dirname(SCHEMA_FILE), ...schema },
      to: { tag: 'schemaDatamodel', ...schema },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    const script = result.stdout?.trim() ?? '';
    return script === EMPTY_SCRIPT ? '' : script;
  } finally {
    engine.free();
    await pool.end();
  }
}

/** The type id of PostgreSQL's `"char"`, which the catalog uses and the adapter refuses (prisma/orm issue 27403). */
const CHAR_TYPE = 18;
const TEXT_TYPE = 25;

/**
 * The adapter, taught to read the catalog: the pool passes `"char"` columns off as text, and the adapter's answer then
 * gets their true type back. The rows, the same array in both, tell which answer belongs to which query.
 */
function createCatalogAdapter(pool: Pool): PrismaPg {
  const charColumns = new WeakMap<object, number[]>();
  const query = pool.query.bind(pool) as unknown as (...args: unknown[]) => Promise<QueryResult>;
  const queryAsText = async (...args: unknown[]) => {
    const result = await query(...args);
    const found = result.fields.flatMap((field, index) => (field.dataTypeID === CHAR_TYPE ? [index] : []));
    for (const index of found) result.fields[index]!.dataTypeID = TEXT_TYPE;
    charColumns.set(result.rows, found);
    return result;
  };
  pool.query = queryAsText as unknown as Pool['query'];
  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (sql) => {
      const answer = await queryRaw(sql);
      for (const index of charColumns.get(answer.rows) ?? []) answer.columnTypes[index] = ColumnTypeEnum.Character;
      return answer;
    };
    return adapter;
  };
  return factory;
}

interface Wasm {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
}

/** The package expects a bundler to load its WebAssembly; this does what the bundler would. */
async function loadEngine(): Promise<typeof EngineModule> {
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(join(folder, 'schema_engine_bg.wasm'));
  const { WebAssembly } = globalThis as unknown as { WebAssembly: Wasm };
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': glue });
  (glue as unknown as { __wbg_set_wasm(exports: object): void }).__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  // Where the engine leaves its message before it traps; the trap alone says only "unreachable".
  const report = (message: string) => console.error(message);
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: report } });
  return glue as unknown as typeof EngineModule;
}
