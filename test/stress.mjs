/**
 * Repeats the property tests with seeds drawn at random, for 10 minutes unless told otherwise:
 * npm run stress -- [--minutes M | --rounds N] [--seed S] [filter...]
 * A filter is a part of a test file's path: heap (all of it), heap/ (blocks and generations), records, maps, cache.
 * Prints the seed of each round; ends at the first failure.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    rounds: { type: 'string' },
    seed: { type: 'string' },
  },
});
const rounds = values.seed === undefined ? Number(values.rounds ?? Number.POSITIVE_INFINITY) : 1;
const minutes = values.rounds === undefined ? Number(values.minutes) : Number.POSITIVE_INFINITY;
if (!(rounds >= 1) || !(minutes > 0)) {
  console.error('stress: --rounds and --minutes must be numbers above 0');
  process.exit(2);
}
const endMs = Date.now() + minutes * 60_000;

const propertyTests = readdirSync(import.meta.dirname, { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((file) => readFileSync(file, 'utf8').includes('fast-check'))
  .filter((file) => positionals.length === 0 || positionals.some((filter) => file.includes(filter)));
if (propertyTests.length === 0) {
  console.error(`stress: no property test matches ${positionals.join(', ')}`);
  process.exit(2);
}

for (let round = 1; round <= rounds && Date.now() < endMs; round++) {
  const seed = values.seed ?? String(randomInt(2 ** 31));
  console.error(`stress: round ${round}, --seed ${seed}, ${propertyTests.length} files`);
  const { status } = spawnSync('npx', ['vitest', 'run', '--reporter=dot', ...propertyTests], {
    stdio: 'inherit',
    env: { ...process.env, ROLP_TEST_SEED: seed },
  });
  if (status !== 0) {
    console.error(`stress: failed; again by npm run stress -- --seed ${seed} ${positionals.join(' ')}`);
    process.exit(1);
  }
}
