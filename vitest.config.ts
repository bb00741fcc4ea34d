import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**', '.cache/**', 'test/interop/**'],
    // One of two cores would stand idle otherwise.
    maxWorkers: '100%',
    setupFiles: ['test/support/fuzz-runs.ts'],
    // Continuous integration tries 25 times as many inputs a property, on a machine that may be busy.
    hookTimeout: 120_000,
    testTimeout: process.env.FUZZ_RUNS === undefined ? 120_000 : 300_000,
  },
});
