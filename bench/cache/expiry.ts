/** bench/cache/expiry: hit ratios with ttls, and growth under churn. See --help. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runProcess } from '../lib/compare.js';

const HELP = `npm run bench:expiry -- [ttl|churn...] [--minutes N]

ttl    hit ratios where entries have ttls, against lru-cache, at equal true bytes and at equal entries
churn  how much a warm process grows while a full cache of 256 MiB sees values of mixed sizes; ten minutes
--minutes N  of churn (default 10)`;

const CASES = ['ttl', 'churn'];
const TRACES = ['none', 'one', 'jittered', 'mixed'];
const STORES = ['lru-cache', 's3-fifo', 'sieve', 'lru', 's3-fifo=entries', 'lru=entries'];
const ENTRIES = '20000';
const CHURN_MIB = '256';

function runTtl(): void {
  const child = fileURLToPath(new URL('./ttl-hits.js', import.meta.url));
  console.log(
    'Hit ratios with ttls, Zipf 0.9, in percent; at equal true bytes, and at equal entries (=entries)',
  );
  for (const trace of TRACES) {
    const percent: Record<string, number> = {};
    for (const store of STORES) {
      percent[store] = runProcess(child, [store, ENTRIES, trace], ['--expose-gc']).hitPercent!;
    }
    const gain = percent['s3-fifo']! - percent['lru-cache']!;
    const row = STORES.map((store) => `${store} ${percent[store]!.toFixed(2)}`).join('  ');
    console.log(
      `${gain >= -0.5 ? 'met' : 'short'}  ${trace}: ${row}  (s3-fifo ${gain.toFixed(2)}, need -0.5)`,
    );
  }
}

function runChurn(minutes: number): void {
  const child = fileURLToPath(new URL('../../../bench/cache/churn.mjs', import.meta.url));
  const result = runProcess(child, [CHURN_MIB, String(minutes * 60)], ['--expose-gc']);
  const share = result.grownShare!;
  const worst = ['Evict', 'Expire', 'Resize'].map(
    (kind) => `${kind} ${result[`worst${kind}Ms`]!.toFixed(2)} ms`,
  );
  console.log(`Churn of mixed sizes, ${minutes} min, ${CHURN_MIB} MiB`);
  console.log(
    `${share <= 1.15 ? 'met' : 'short'}  RSS grew by ${share.toFixed(3)} of maxBytes, need at most 1.15`,
  );
  const percent = (of: number): string => `${(of * 100).toFixed(1)} %`;
  console.log(
    `       over ${(result.baseBytes! / 2 ** 20).toFixed(0)} MiB that the warm process had; the cache holds ` +
      `${percent(result.bytesShare!)}, V8's heap grew by ${percent(result.jsHeapShare!)}, buffers of values just read ` +
      `were ${percent(result.readBuffersShare!)}; ${result.slabsGrown} slabs grown`,
  );
  console.log(
    `       ${(result.operations! / 1e6).toFixed(0)} M operations, maxBytes written ${result.writtenTimes!.toFixed(0)} times, ` +
      `${(result.liveShare! * 100).toFixed(0)} % live; worst pauses: ${worst.join(', ')}`,
  );
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, minutes: { type: 'string', default: '10' } },
});
const unknown = positionals.find((name) => !CASES.includes(name));
const minutes = Number(values.minutes);
if (unknown !== undefined || !(minutes > 0)) {
  console.error(unknown === undefined ? '--minutes must be a number above 0' : `unknown case ${unknown}`);
  process.exitCode = 2;
} else if (values.help === true) {
  console.log(HELP);
} else {
  const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
  if (wanted('ttl')) runTtl();
  if (wanted('churn')) runChurn(minutes);
}
