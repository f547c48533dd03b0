/** bench/pretenure: what learning placement must hold. See --help. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, estimate, median, report, runProcess, type Sample } from '../lib/compare.js';
import { resolveNode } from '../lib/nodes.js';
import { warmUp } from './warm-up.js';

const HELP = `npm run bench:pretenure -- [case...] [--quick] [--rounds N]

Cases, all by default:
  conflicts  one factory, 2 to 6 callers with lifetimes of 0.5 to 50 heap cycles, 1 to 4 calls deep or awaiting:
             cycles from the warm-up's end until all are placed right for good (at most 80, median at most 32)
  phases     a lifetime that changes: cycles until it is placed right again (at most 64)
  shapes     50 shapes of one mode: conflicts seen where there is none
  mix        three lifetimes: learnt against one generation for all and against generations by hand
  warm-up    the same from a process's first cycle on: from nothing, with an earlier run's profile (ROLP_PROFILE_IN), and with
             --node with one of another Node; draws bench/out/warm-up.svg
  cpu        CPU time of an operation, learnt against by hand, in pairs
  call       what choosing costs a single call, by site and by callers
--quick      fewer seeds and rounds: indicative only
--rounds N   processes per implementation in mix, warm-up, cpu and call (default 9, pairs 15)
--node N     a Node by major or path whose profile warm-up starts with
Raw results are appended to bench/out/pretenure.jsonl.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean' },
    rounds: { type: 'string' },
    node: { type: 'string' },
  },
});
const CASES = ['conflicts', 'phases', 'shapes', 'mix', 'warm-up', 'cpu', 'call'];
const unknown = positionals.filter((name) => !CASES.includes(name));
if (values.help === true || unknown.length > 0) {
  if (unknown.length > 0) console.error(`unknown case ${unknown.join(', ')}`);
  console.log(HELP);
  process.exit(unknown.length > 0 ? 2 : 0);
}
const quick = values.quick === true;
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
const rounds = (usual: number): number =>
  values.rounds === undefined ? (quick ? 3 : usual) : Number(values.rounds);
const script = fileURLToPath(new URL('./child.js', import.meta.url));
const outFile = 'bench/out/pretenure.jsonl';

/** One process a seed. */
function seeds(name: string, count: number): Sample[] {
  mkdirSync(dirname(outFile), { recursive: true });
  const samples: Sample[] = [];
  for (let seed = 1; seed <= count; seed++) {
    process.stderr.write(`\r\x1b[K${name}: seed ${seed} of ${count}`);
    const sample = runProcess(script, [name, 'auto', String(seed)]);
    samples.push(sample);
    const line = { bench: 'pretenure', name, seed, node: process.version, at: Date.now(), ...sample };
    appendFileSync(outFile, `${JSON.stringify(line)}\n`);
  }
  process.stderr.write('\r\x1b[K');
  return samples;
}

const of = (samples: readonly Sample[], figure: string): number[] => samples.map((sample) => sample[figure]!);
/** A figure that is counted, not measured: there is no interval. */
const counted = (met: boolean, text: string): void => console.log(`${met ? 'met  ' : 'short'} ${text}`);

console.log(`node ${process.version}, ${quick ? 'quick: indicative only' : 'full'}`);

if (wanted('conflicts')) {
  for (const [name, count] of [
    ['conflict', quick ? 8 : 40],
    ['async', quick ? 3 : 12],
  ] as const) {
    const samples = seeds(name, count);
    const resolved = of(samples, 'resolved').filter((one) => one === 1).length;
    const cycles = of(samples, 'cycles');
    const worst = Math.max(...cycles);
    const shown = name === 'async' ? 'awaiting callers' : 'callers';
    counted(resolved === count, `${shown}: ${resolved} of ${count} conflicts resolved`);
    counted(worst <= 80, `${shown}: worst ${worst} heap cycles (at most 80)`);
    counted(median(cycles) <= 32, `${shown}: median ${median(cycles)} heap cycles (at most 32)`);
  }
}

if (wanted('phases')) {
  const cycles = of(seeds('phase', quick ? 8 : 40), 'cycles');
  const worst = Math.max(...cycles);
  counted(worst <= 64, `phase changes: worst ${worst}, median ${median(cycles)} heap cycles (at most 64)`);
}

if (wanted('shapes')) {
  const samples = seeds('shapes', quick ? 1 : 5);
  const all = of(samples, 'shapes').reduce((sum, n) => sum + n, 0);
  const wrong = of(samples, 'wrong').reduce((sum, n) => sum + n, 0);
  counted(wrong <= 0.05 * all, `shapes of one mode: ${wrong} of ${all} taken for conflicts (at most 5 %)`);
}

function plan(
  name: string,
  implementations: readonly string[],
  usual: number,
  seed = 1,
): Record<string, Sample[]> {
  return alternate({
    bench: `pretenure ${name}`,
    script,
    implementations: Object.fromEntries(implementations.map((one) => [one, [name, one, String(seed)]])),
    rounds: rounds(usual),
    outFile,
  });
}

if (wanted('mix')) {
  const results = plan('mix', ['single', 'auto', 'hand'], 9);
  for (const [figure, name] of [
    ['evacuatedPerByte', 'bytes evacuated per byte allocated'],
    ['pauseP999Ms', "rolp's own pauses, p99.9, ms"],
    ['peakMiB', 'peak, MiB'],
  ] as const) {
    const [single, auto, hand] = ['single', 'auto', 'hand'].map((one) => of(results[one]!, figure));
    const shown = [single!, auto!, hand!].map((list) => median(list).toPrecision(3));
    console.log(`${name}: single ${shown[0]}, learnt ${shown[1]}, by hand ${shown[2]}`);
    const closed = single!.map((s, i) => (s - auto![i]!) / (s - median(hand!)));
    console.log(report('  (single - learnt) / (single - hand)', estimate(closed), 'at least', 0.9));
  }
  console.log(`decisions: ${median(of(results.auto!, 'decisionMs')).toFixed(1)} ms in 320 heap cycles`);
}

if (wanted('warm-up')) {
  const other = values.node === undefined ? undefined : await resolveNode(values.node, 'bench/out/nodes');
  for (const line of warmUp(other, rounds(9), outFile)) console.log(line);
}

if (wanted('cpu')) {
  const results = plan('cpu', ['auto', 'hand'], 15);
  const [auto, hand] = [of(results.auto!, 'nsPerOp'), of(results.hand!, 'nsPerOp')];
  console.log(
    `CPU an operation: learnt ${median(auto).toFixed(0)} ns, by hand ${median(hand).toFixed(0)} ns`,
  );
  const pairs = estimate(auto.map((ns, i) => ns / hand[i]!));
  console.log(report('  learnt / by hand, in pairs', pairs, 'at most', 1.02));
}

if (wanted('call')) {
  const hand = plan('call', ['hand'], 5).hand!;
  const site = plan('call', ['auto'], 5, 1).auto!;
  const caller = plan('call', ['auto'], 5, 2).auto!;
  const ns = (samples: readonly Sample[]): string => median(of(samples, 'ns')).toFixed(0);
  console.log(
    `allocate and free: by hand ${ns(hand)} ns, learnt by site ${ns(site)} ns, by callers ${ns(caller)} ns`,
  );
  console.log(
    `  (${median(of(caller, 'resolved')) === 1 ? 'resolved' : 'left as too dear'}; a capture ${median(of(caller, 'captureNs')).toFixed(0)} ns)`,
  );
}
