import { beforeEach } from 'vitest';

// Hashes, samples and cohorts are seeded by Math.random unless somebody injects another source, as most tests do not. Each
// test has it begin anew from one seed, so that CI repeats itself; `npm run stress` gives another.
const seed = Number(process.env.ROLP_TEST_SEED ?? 1);
let draw = Math.random;
// Before the sources are loaded, which take it as it is then.
Math.random = () => draw();
const { seededRandom } = await import('../src/base/random.js');

function beginAnew(): void {
  draw = seededRandom(seed);
}

beginAnew();
beforeEach(beginAnew);
