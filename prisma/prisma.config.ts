import { defineConfig } from 'prisma/config';

// `prisma generate` looks for the native schema engine and would download it. Nothing here ever runs that engine
// (migrations are authored with its WASM build), so any existing file satisfies the look.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({ schema: 'schema.prisma', migrations: { path: 'migrations' } });
