/**
 * Advice: `node build/bench/advice/main.js [--quick] [--rounds N]`. Six programs keep objects in V8's heap; each is then run
 * with the objects really moved. Prints the GC pauses that the advice expected to save beside those saved, medians of
 * alternated rounds. Raw results: bench/out/advice.jsonl.
 *
 * New space has one size in both: by itself V8 gives the program in which less survives a smaller one, and twice the
 * scavenges. That is neither copying nor marking, of which advice speaks.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, median } from '../lib/compare.js';
import { CASES } from './cases.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(
    'Usage: npm run bench:advice -- [--quick] [--rounds N]\n  --quick     two short rounds\n  --rounds N  (default 5)',
  );
  process.exit();
}
const rounds = values.quick ? 2 : Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`--rounds must be 1 or more, got ${values.rounds}`);
const operations = String(values.quick ? 400_000 : 1_000_000);
const live = String(values.quick ? 60_000 : 150_000);
const NEW_SPACE = ['--min-semi-space-size=16', '--max-semi-space-size=16'];
const script = fileURLToPath(new URL('child.js', import.meta.url));
const outFile = fileURLToPath(new URL('../../../bench/out/advice.jsonl', import.meta.url));

console.log(
  `Node ${process.version}, ${rounds} rounds. Figure: saved within the stated interval, and within a factor of 1.5`,
);
let short = 0;
for (const name of Object.keys(CASES)) {
  const results = alternate({
    bench: `advice: ${name}`,
    script,
    implementations: { kept: [name, 'kept', operations, live], moved: [name, 'moved', operations, live] },
    rounds,
    flags: NEW_SPACE,
    outFile,
  });
  const of = (variant: 'kept' | 'moved', figure: string): number =>
    median(results[variant]!.map((sample) => sample[figure]!));
  // Of each round by itself, since how busy the machine is changes from one to the next.
  const saved = median(results.kept!.map((kept, round) => kept.pausesMs! - results.moved![round]!.pausesMs!));
  const [expected, low, high] = [of('kept', 'expectedMs'), of('kept', 'lowMs'), of('kept', 'highMs')];
  const factor = Math.max(saved / expected, expected / saved);
  const inside = low <= saved && saved <= high;
  const close = saved > 0 && factor <= 1.5;
  if (!(inside && close)) short++;
  const show = (ms: number): string => ms.toFixed(0);
  console.log(
    `${inside && close ? 'met  ' : 'SHORT'}  ${name}: expected ${show(expected)} ms (${show(low)} to ${show(high)}), ` +
      `saved ${show(saved)} of ${show(of('kept', 'pausesMs'))} ms, factor ${factor.toFixed(2)}${inside ? '' : ', outside the interval'}`,
  );
}
console.log(
  `\n${short === 0 ? 'met' : `${short} of ${Object.keys(CASES).length} SHORT`}; raw results in bench/out/advice.jsonl`,
);
