import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/globalSetup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // In CI one file at a time: end-to-end tests run whole markets against real deadlines, and share the cores badly.
    maxWorkers: process.env.CI ? 1 : 2,
  },
});
