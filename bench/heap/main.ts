/** bench/heap: the heap's core against the figures it must hold. See --help. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, median, type Plan, ratio, report, type Sample } from '../lib/compare.js';

const HELP = `npm run bench:heap -- [case...] [--quick] [--rounds N]

Cases, all of them by default; minutes on two cores with nothing else to do:
  allocation   a pair of allocate and free of 64 bytes against V8's own buffers           1
  generations  three lifetimes in their generations against all in one                    1
  steps        the heap's own steps at 4 GB                                               2.5
  pauses       V8's pauses beside 2 GB of records, on the heap and as objects             4
--quick   small sizes, 3 rounds: indicative only
--rounds  processes per implementation (default 5, pauses 9)
Verdicts are met, short or undecided by the interval of the figure (95 %; 94 % with five rounds). Raw results are
appended to bench/out/heap.jsonl.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, quick: { type: 'boolean' }, rounds: { type: 'string' } },
});
const quick = values.quick === true;
const known = ['allocation', 'generations', 'steps', 'pauses'];
const unknown = positionals.filter((name) => !known.includes(name));
if (values.help === true || unknown.length > 0) {
  if (unknown.length > 0) console.error(`unknown case ${unknown.join(', ')}`);
  console.log(HELP);
  process.exit(unknown.length > 0 ? 2 : 0);
}
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);

function plan(
  bench: string,
  implementations: Plan['implementations'],
  rounds: number,
): Record<string, Sample[]> {
  return alternate({
    bench,
    script: fileURLToPath(new URL('./child.js', import.meta.url)),
    implementations,
    rounds: values.rounds === undefined ? (quick ? 3 : rounds) : Number(values.rounds),
    outFile: 'bench/out/heap.jsonl',
  });
}

function column(samples: readonly Sample[], name: string): number[] {
  return samples.map((sample) => sample[name]!);
}

console.log(`node ${process.version}, ${quick ? 'quick: indicative only' : 'full'}`);

if (wanted('allocation')) {
  for (const kept of ['0', '100000']) {
    const names = ['rolp', 'buffer', 'uint8array'];
    const results = plan('allocation', Object.fromEntries(names.map((n) => [n, ['allocation', n, kept]])), 5);
    const ns = Object.fromEntries(names.map((n) => [n, column(results[n]!, 'ns')]));
    const how = kept === '0' ? 'dropped at once' : `${kept} kept`;
    console.log(`64 bytes, ${how}: ${names.map((n) => `${n} ${median(ns[n]!).toFixed(1)} ns`).join(', ')}`);
    console.log(report('  Buffer.allocUnsafe / rolp', ratio(ns.buffer!, ns.rolp!), 'at least', 3));
    console.log(report('  new Uint8Array / rolp', ratio(ns.uint8array!, ns.rolp!), 'at least', 20));
  }
}

if (wanted('generations')) {
  for (const mix of ['60:30:10', 'even']) {
    const size = mix === 'even' ? '1' : '0';
    const results = plan(
      'generations',
      { right: ['generations', 'right', size], single: ['generations', 'single', size] },
      5,
    );
    const of = (name: string, figure: string): number[] => column(results[name]!, figure);
    const shown = (name: string): string =>
      `${name} ${median(of(name, 'evacuatedPerByte')).toFixed(4)} and ${median(of(name, 'peakMiB')).toFixed(0)} MiB`;
    // See docs/heap.md, "What the bench compares".
    const counts = mix === 'even' ? 'printed beside' : 'this one counts';
    console.log(
      `births ${mix} (${counts}); bytes evacuated per byte, peak: ${shown('right')}, ${shown('single')}`,
    );
    const right = of('right', 'evacuatedPerByte');
    const ones = right.map(() => 1);
    const least = right.map((share) => Math.max(share, 1e-6));
    const peaks = ratio(of('right', 'peakMiB'), of('single', 'peakMiB'));
    console.log(report('  right, bytes per byte', ratio(right, ones), 'at most', 0.02));
    console.log(
      report('  single / right, evacuated', ratio(of('single', 'evacuatedPerByte'), least), 'at least', 5),
    );
    console.log(report('  right / single, peak', peaks, 'at most', 0.8));
    const worst = ['right', 'single'].map((name) => Math.max(...of(name, 'evacuateMaxMs')).toFixed(1));
    console.log(`  longest evacuation of all runs: right ${worst[0]} ms, single ${worst[1]} ms`);
  }
}

if (wanted('steps')) {
  const sizeMiB = quick ? 512 : 4096;
  const { rolp } = plan('steps', { rolp: ['steps', 'rolp', String(sizeMiB)] }, 5);
  const p999 = column(rolp!, 'p999Ms');
  const tell = (figure: string): string => median(column(rolp!, figure)).toFixed(3);
  console.log(
    `steps at ${sizeMiB} MiB, budget 0.5 ms: p50 ${tell('p50Ms')}, p99.9 ${tell('p999Ms')}, max ${tell('maxMs')} ms`,
  );
  console.log(
    report(
      '  p99.9, ms',
      ratio(
        p999,
        p999.map(() => 1),
      ),
      'at most',
      1,
    ),
  );
}

if (wanted('pauses')) {
  const sizeMiB = String(quick ? 256 : 2048);
  const results = plan(
    'pauses',
    {
      empty: ['pauses', 'empty', sizeMiB],
      heap: ['pauses', 'heap', sizeMiB],
      objects: ['pauses', 'objects', sizeMiB],
    },
    9,
  );
  for (const figure of ['scavengeMaxMs', 'markMaxMs', 'p99Ms']) {
    const of = (name: string): number[] => column(results[name]!, figure);
    const shown = ['empty', 'heap', 'objects'].map((name) => `${name} ${median(of(name)).toFixed(2)} ms`);
    console.log(`${figure} beside ${sizeMiB} MiB: ${shown.join(', ')}`);
    if (median(of('empty')) > 0) {
      console.log(report('  heap / empty', ratio(of('heap'), of('empty')), 'at most', 1.3));
    } else
      console.log(
        `  no such pause in the program alone${median(of('heap')) > 0 ? ', but beside the heap' : ''}`,
      );
  }
}
