/**
 * Attribution on the search service: `node build/bench/attribution/main.js [--requests N]`. Each way runs in its own
 * process. Prints the overlap of births' distribution over leaf functions, and over the three innermost frames, with
 * that of inlining off, divided by the latter's overlap with itself. Raw results: bench/out/attribution.json.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LevelOptions, LevelResult } from './run-level.js';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '16000' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(
    'usage: node build/bench/attribution/main.js [--requests N]   measured requests a run, default 16000',
  );
  process.exit(0);
}
const requests = Number(values.requests);
const ENOUGH_SAMPLES = 50_000;
const child = fileURLToPath(new URL('run-level.js', import.meta.url));
const out = fileURLToPath(new URL('../../../bench/out/', import.meta.url));

function run(way: LevelOptions['way']): LevelResult {
  const options: LevelOptions = {
    way,
    requests,
    warmUpRequests: 8000,
    windowAtRequest: 2000,
    windowCycles: 64,
    intervalBytes: 16_384,
    seed: 1,
  };
  const { stdout, stderr, status } = spawnSync(process.execPath, [child, JSON.stringify(options)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LOG_LEVEL: 'silent', NODE_OPTIONS: '' },
  });
  if (status !== 0) throw new Error(`${way} failed: ${stderr}`);
  const result = JSON.parse(stdout) as LevelResult;
  console.error(`${way}: ${result.samples} samples, ${Math.round(result.requestsPerSecond)} requests/s`);
  return result;
}

/** Sum of the smaller shares: 1 for equal distributions. */
function overlap(a: Record<string, number>, b: Record<string, number>): number {
  const total = (of: Record<string, number>): number => Object.values(of).reduce((x, y) => x + y, 0);
  const [totalA, totalB] = [total(a), total(b)];
  return Object.entries(a).reduce(
    (sum, [key, bytes]) => sum + Math.min(bytes / totalA, (b[key] ?? 0) / totalB),
    0,
  );
}

const reference = run('calls');
const again = run('calls');
const runs = { off: run('off'), window: run('window'), sites: run('sites') };
const itself = {
  leaf: overlap(reference.births.leaf, again.births.leaf),
  innermost3: overlap(reference.births.innermost3, again.births.innermost3),
};

const rows: [name: string, births: LevelResult['births'], figure: number | null][] = [
  ['off (default)', runs.off.births, 0.8],
  ['after a window', runs.window.births, 0.9],
  ['  not shared', runs.window.unshared, null],
  ['sites', runs.sites.births, 0.95],
];
console.log(
  `Node ${process.version}; calls against itself: leaf ${itself.leaf.toFixed(3)}, three innermost ${itself.innermost3.toFixed(3)}`,
);
console.log('way              leaf  three innermost  (both over calls against itself)');
for (const [name, births, figure] of rows) {
  const leaf = overlap(births.leaf, reference.births.leaf) / itself.leaf;
  const three = overlap(births.innermost3, reference.births.innermost3) / itself.innermost3;
  const verdict = figure === null ? '' : `leaf >= ${figure}: ${leaf >= figure ? 'met' : 'short'}`;
  console.log(
    `${name.padEnd(15)} ${leaf.toFixed(3).padStart(5)} ${three.toFixed(3).padStart(16)}  ${verdict}`,
  );
}
const { windowPausesMs, estimatedShare, notes } = runs.window;
console.log(
  `window: pauses ${windowPausesMs.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}; ${(100 * estimatedShare).toFixed(0)} % of bytes estimated${notes.length > 0 ? `; ${notes.join('; ')}` : ''}`,
);
for (const result of [reference, again, ...Object.values(runs)]) {
  if (result.samples < ENOUGH_SAMPLES) {
    console.log(
      `${result.options.way}: ${result.samples} samples, the figures ask for ${ENOUGH_SAMPLES}: undecided`,
    );
  }
  if (result.missed !== 0) console.log(`${result.options.way}: ${result.missed} samples missed: short`);
}
mkdirSync(out, { recursive: true });
writeFileSync(`${out}attribution.json`, JSON.stringify({ reference, again, ...runs }));
console.log('raw results in bench/out/attribution.json');
