import { vi } from 'vitest';

// `npm run stress`: property tests fix their seeds so that CI repeats itself; here each draws from another.
vi.mock('fast-check', async (importOriginal) => {
  const real = await importOriginal<typeof import('fast-check')>();
  const seed = Number(process.env.ROLP_TEST_SEED);
  const assert: typeof real.assert = (property, parameters) =>
    real.assert(property as never, { ...parameters, seed } as never) as never;
  return { ...real, assert, default: { ...real.default, assert } };
});
