import { defineConfig } from 'vitest/config';

// Set by .ci/run: every run, those under other Node versions included, leaves its counts there (see test-reports.mjs).
const { ROLP_TEST_JSON_DIR: jsonDir, ROLP_TEST_TRY: tryNumber = '1', ROLP_TEST_SEED: seed } = process.env;

export default defineConfig({
  // The workloads import the package by its name; the tests run them on the sources.
  resolve: {
    alias: {
      'rolp/cache': new URL('./src/cache/index.ts', import.meta.url).pathname,
      'rolp/heap': new URL('./src/heap/index.ts', import.meta.url).pathname,
      'rolp/pretenure': new URL('./src/pretenure/index.ts', import.meta.url).pathname,
      'rolp/profiler': new URL('./src/profiler/index.ts', import.meta.url).pathname,
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/compat/**'],
    // GC-dependent tests need their own process, and two cores are all that CI has.
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
    // Generous: a slow machine is no failure.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: ['test/build-tools.ts'],
    setupFiles: ['test/seed-setup.ts', ...(seed === undefined ? [] : ['test/stress-setup.ts'])],
    reporters: jsonDir === undefined ? ['default'] : ['default', 'json'],
    ...(jsonDir === undefined
      ? {}
      : { outputFile: { json: `${jsonDir}/${process.version}-${tryNumber}-${process.pid}.json` } }),
  },
});
