/** bench/heap/records: records and maps on the heap against objects and Map. See --help. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, median, ratio, report } from '../lib/compare.js';

const HELP = `npm run bench:records -- [case...] [--rounds N]

Cases: ring-numbers, ring-named, reads-in-order, reads-at-random, map-fresh, map-kept; all by default.
--rounds  processes per implementation (default 5)
Each implementation runs in processes of its own; raw results are appended to bench/out/records.jsonl.`;

/** Figure, and how many times the peer's time rolp may take; null: printed beside, no figure to hold. */
const CASES: Readonly<Record<string, readonly [figures: readonly string[], atMost: number | null]>> = {
  'ring-numbers': [['ns'], 1],
  'ring-named': [['ns'], 1],
  'reads-in-order': [['ns'], 1.5],
  'reads-at-random': [['ns'], 1.5],
  'map-fresh': [['getNs', 'setNs'], 1],
  'map-kept': [['getNs', 'setNs'], null],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, rounds: { type: 'string', default: '5' } },
});
const unknown = positionals.filter((name) => !(name in CASES));
if (values.help === true || unknown.length > 0) {
  if (unknown.length > 0) console.error(`unknown case ${unknown.join(', ')}`);
  console.log(HELP);
  process.exit(unknown.length > 0 ? 2 : 0);
}

console.log(`node ${process.version}`);
for (const [name, [figures, atMost]] of Object.entries(CASES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const results = alternate({
    bench: name,
    script: fileURLToPath(new URL('./records-child.js', import.meta.url)),
    implementations: { rolp: [name, 'rolp'], peer: [name, 'peer'] },
    rounds: Number(values.rounds),
    outFile: 'bench/out/records.jsonl',
  });
  for (const figure of figures) {
    const rolp = results.rolp!.map((sample) => sample[figure]!);
    const peer = results.peer!.map((sample) => sample[figure]!);
    const [r, p] = [median(rolp), median(peer)];
    console.log(`${name} ${figure}: rolp ${r.toFixed(1)}, objects or Map ${p.toFixed(1)}`);
    if (atMost !== null) console.log(report('  rolp / peer', ratio(rolp, peer), 'at most', atMost));
  }
}
