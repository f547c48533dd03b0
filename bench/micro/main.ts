/** `npm run bench:micro`: what single operations cost on average. Tails are bench/tail's. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkInteger } from '../../src/base/options.js';
import { alternate, intervalText, median, paired } from '../lib/compare.js';
import { OPERATIONS } from './operations.js';

const HELP = `npm run bench:micro -- [options]

Nanoseconds an operation, rolp beside its peers: each in a process of its own, in shuffled order, medians of the
rounds, and of the rounds' ratios of rolp to the peer with its interval. It says nothing of tails.

  --quick       3 rounds of 150 ms
  --rounds n    (default 5)
  --ms n        milliseconds a round (default 500)
  --only text   groups whose name has it: ${Object.keys(OPERATIONS).join('; ')}
  --help
`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    rounds: { type: 'string' },
    ms: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (values.help === true) process.stdout.write(HELP);
else main();

function main(): void {
  const isQuick = values.quick === true;
  const rounds = checkInteger('--rounds', Number(values.rounds ?? (isQuick ? 3 : 5)), 1, 1000);
  const ms = checkInteger('--ms', Number(values.ms ?? (isQuick ? 150 : 500)), 10, 60_000);
  const groups = Object.entries(OPERATIONS).filter(([group]) => group.includes(values.only ?? ''));
  if (groups.length === 0) throw new RangeError(`--only: no group has '${values.only}' in its name`);
  const script = fileURLToPath(new URL('./child.js', import.meta.url));
  for (const [group, operations] of groups) {
    const samples = alternate({
      bench: `micro: ${group}`,
      script,
      implementations: Object.fromEntries(
        Object.keys(operations).map((name) => [name, [group, name, String(ms)]]),
      ),
      rounds,
      outFile: 'bench/out/micro.jsonl',
    });
    const ns = (name: string): number[] => samples[name]!.map((sample) => sample.ns!);
    const [own, ...peers] = Object.keys(operations);
    process.stdout.write(`\n${group}\n  ${own!.padEnd(20)} ${median(ns(own!)).toFixed(1).padStart(8)} ns\n`);
    for (const peer of peers) {
      const times = intervalText(paired(ns(own!), ns(peer)));
      process.stdout.write(
        `  ${peer.padEnd(20)} ${median(ns(peer)).toFixed(1).padStart(8)} ns; ${own} takes of it ${times}\n`,
      );
    }
  }
}
