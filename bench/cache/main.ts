/** bench/cache: the cache against lru-cache. See --help. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, median, ratio, report, runProcess, type Sample } from '../lib/compare.js';
import { TRACES } from './traces.js';

const HELP = `npm run bench:cache -- [case...] [--quick] [--entries N] [--rounds N]

Cases: cell (YCSB A, B, C, F on entries that all fit: throughput, RSS, GC pauses), hits (hit ratios); both by default.
--quick    100,000 entries in the cell, 3 rounds: indicative only
--entries  entries of the cell (default 1,000,000)
--rounds   processes per store (default 5)
Raw results are appended to bench/out/cache.jsonl.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean' },
    entries: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => name !== 'cell' && name !== 'hits');
if (values.help === true || unknown.length > 0) {
  if (unknown.length > 0) console.error(`unknown case ${unknown.join(', ')}`);
  console.log(HELP);
  process.exit(unknown.length > 0 ? 2 : 0);
}
const quick = values.quick === true;
const rounds = Number(values.rounds ?? (quick ? 3 : 5));
const entries = values.entries ?? (quick ? '100000' : '1000000');
const script = fileURLToPath(new URL('./child.js', import.meta.url));
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);

console.log(`node ${process.version}, ${quick ? 'quick: indicative only' : 'full'}`);

function column(samples: readonly Sample[], name: string): number[] {
  return samples.map((sample) => sample[name]!);
}

/** A pause target is met by the ratio, or by a pause at most 1.5 times that of a store that keeps nothing. */
function reportPauses(results: Record<string, Sample[]>): void {
  const [rolp, lru, floor] = ['s3-fifo', 'lru-cache', 'floor'].map((name) =>
    column(results[name]!, 'worstPauseMs'),
  );
  console.log(report('  worst GC pause, rolp / lru-cache', ratio(rolp!, lru!), 'at most', 1 / 20));
  console.log(report('  or: worst GC pause, rolp / floor', ratio(rolp!, floor!), 'at most', 1.5));
  const avoidable = median(lru!) - median(floor!);
  const removed = avoidable <= 0 ? Number.NaN : (median(lru!) - median(rolp!)) / avoidable;
  console.log(`           of the avoidable pause ${(removed * 100).toFixed(0)} % is gone`);
}

if (wanted('cell')) {
  for (const mix of ['A', 'B', 'C', 'F']) {
    const names = ['s3-fifo', 'lru-cache', 'floor'];
    const results = alternate({
      bench: `cell ${mix} ${entries}`,
      script,
      implementations: Object.fromEntries(names.map((name) => [name, ['cell', name, mix, entries]])),
      rounds,
      outFile: 'bench/out/cache.jsonl',
    });
    const shown = (name: string): string =>
      `${name} ${(median(column(results[name]!, 'opsPerSecond')) / 1e6).toFixed(2)} M/s, ` +
      `${median(column(results[name]!, 'rssMiB')).toFixed(0)} MiB, ` +
      `worst pause ${median(column(results[name]!, 'worstPauseMs')).toFixed(1)} ms`;
    console.log(`YCSB ${mix}, ${entries} entries: ${names.map(shown).join('; ')}`);
    const speed = ratio(
      column(results['s3-fifo']!, 'opsPerSecond'),
      column(results['lru-cache']!, 'opsPerSecond'),
    );
    const rss = ratio(column(results['s3-fifo']!, 'rssMiB'), column(results['lru-cache']!, 'rssMiB'));
    console.log(report('  throughput, rolp / lru-cache', speed, 'at least', mix === 'A' ? 2 : 1));
    console.log(report('  RSS, rolp / lru-cache', rss, 'at most', 0.5));
    reportPauses(results);
  }
}

if (wanted('hits')) {
  const stores = ['lru-cache', 's3-fifo', 'sieve', 'lru', 's3-fifo=entries', 'sieve=entries'];
  console.log(`Hit ratios in percent; at equal true bytes, and at equal entries (=entries)`);
  for (const name of TRACES) {
    // The traces are the same draws each time: one run suffices.
    const percent: Record<string, number> = {};
    for (const store of stores) {
      percent[store] = runProcess(script, ['hits', store, name, '20000'], ['--expose-gc']).hitPercent!;
    }
    const gain = percent['s3-fifo']! - percent['lru-cache']!;
    const need = name === 'scan-mix' ? 5 : -0.5;
    const row = stores.map((store) => `${store} ${percent[store]!.toFixed(2)}`).join('  ');
    console.log(
      `${gain >= need ? 'met' : 'short'}  ${name}: ${row}  (s3-fifo ${gain >= 0 ? '+' : ''}${gain.toFixed(2)}, need ${need})`,
    );
  }
}
