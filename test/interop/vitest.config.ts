import { defineConfig } from 'vitest/config';
import { InteropReporter } from './support/interop-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    // One after the other: they share a namespace, and measure time as it passes.
    fileParallelism: false,
    // Programs of others in real time, on a machine that may stand still for a while: a second try, which the report names.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: [new InteropReporter()],
  },
});
