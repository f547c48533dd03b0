/**
 * Attribution on the search service: what each level recovers, and what it costs. See --help.
 *
 * Recovered: the overlap of births' distribution over leaf functions, and over the three innermost frames, with that of
 * inlining off, divided by the latter's overlap with itself. Cost: requests a second in a closed loop under rolp's
 * default interval and budget, over those without rolp. Each way runs in processes of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, type Interval, ratio } from '../lib/compare.js';
import { buildAddon, type NodeBinary, resolveNode } from '../lib/nodes.js';
import type { CostOptions } from './run-cost.js';
import type { Distribution, LevelOptions, LevelResult } from './run-level.js';

const HELP = `Usage: npm run bench:attribution -- [options]

  --requests N   measured requests of a run that tells what a level recovers (default 16000)
  --rounds N     processes of each level that tell what it costs, alternated (default 7; 0: leave the costs out)
  --node LIST    majors such as 22,24 (fetched from npm once) or paths of Node binaries (default: this one)
  --help         this page

Ends with one table of all. Raw results: bench/out/attribution-<version>.json and attribution-cost.jsonl. About two
minutes a Node for what is recovered, and one a round for the costs.
`;

const ENOUGH_SAMPLES = 50_000;
const COST_WARM_UP = 8000;
const COST_REQUESTS = 16_000;
const LEVELS = ['off', 'sites', 'calls'] as const;
const root = fileURLToPath(new URL('../../../', import.meta.url));
const out = `${root}bench/out/`;
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A share of what inlining off shows, by leaf and by the three innermost frames. */
interface Overlap {
  readonly leaf: number;
  readonly three: number;
}
type Way = 'off' | 'window' | 'sites' | 'calls';

interface NodeFigures {
  readonly version: string;
  readonly recovered: Readonly<Record<Way, Overlap>>;
  /** Requests a second over those without rolp; null where costs were left out. */
  readonly speed: Readonly<Record<(typeof LEVELS)[number], Interval>> | null;
}

function runLevel(node: NodeBinary, way: LevelOptions['way'], requests: number): LevelResult {
  const options: LevelOptions = {
    way,
    requests,
    warmUpRequests: 8000,
    windowAtRequest: 2000,
    windowCycles: 64,
    intervalBytes: 16_384,
    seed: 1,
  };
  const { stdout, stderr, status } = spawnSync(node.path, [script('run-level.js'), JSON.stringify(options)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${way} failed under ${node.version}: ${stderr}`);
  const result = JSON.parse(stdout) as LevelResult;
  console.error(`${node.version} ${way}: ${result.samples} samples`);
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

function overlaps(a: Distribution, b: Distribution): Overlap {
  return { leaf: overlap(a.leaf, b.leaf), three: overlap(a.innermost3, b.innermost3) };
}

function recovered(node: NodeBinary, requests: number): NodeFigures['recovered'] {
  const reference = runLevel(node, 'calls', requests);
  const again = runLevel(node, 'calls', requests);
  const runs = {
    off: runLevel(node, 'off', requests),
    window: runLevel(node, 'window', requests),
    sites: runLevel(node, 'sites', requests),
  };
  const itself = overlaps(reference.births, again.births);
  const over = (births: Distribution): Overlap => {
    const { leaf, three } = overlaps(births, reference.births);
    return { leaf: leaf / itself.leaf, three: three / itself.three };
  };
  const rows: [name: string, births: Distribution, figure: number | null][] = [
    ['off (default)', runs.off.births, 0.8],
    ['after a window', runs.window.births, 0.9],
    ['  not shared', runs.window.unshared, null],
    ['sites', runs.sites.births, 0.95],
  ];
  console.log(
    `Node ${node.version}; calls against itself: leaf ${itself.leaf.toFixed(3)}, three innermost ${itself.three.toFixed(3)}`,
  );
  console.log('way              leaf  three innermost  (both over calls against itself)');
  for (const [name, births, figure] of rows) {
    const { leaf, three } = over(births);
    const told = figure === null ? '' : `leaf >= ${figure}: ${leaf >= figure ? 'met' : 'short'}`;
    console.log(
      `${name.padEnd(15)} ${leaf.toFixed(3).padStart(5)} ${three.toFixed(3).padStart(16)}  ${told}`,
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
  writeFileSync(`${out}attribution-${node.version}.json`, JSON.stringify({ reference, again, ...runs }));
  return {
    off: over(runs.off.births),
    window: over(runs.window.births),
    sites: over(runs.sites.births),
    calls: { leaf: 1, three: 1 },
  };
}

function speeds(node: NodeBinary, rounds: number): NodeFigures['speed'] {
  const options = (way: CostOptions['way']): string[] => [
    JSON.stringify({ way, warmUpRequests: COST_WARM_UP, requests: COST_REQUESTS, seed: 1 }),
  ];
  const results = alternate({
    bench: 'attribution-cost',
    script: script('run-cost.js'),
    implementations: Object.fromEntries((['none', ...LEVELS] as const).map((way) => [way, options(way)])),
    rounds,
    node,
    outFile: `${out}attribution-cost.jsonl`,
  });
  const speed = (way: string): number[] => results[way]!.map((sample) => sample.requestsPerSecond!);
  const over = (way: string): Interval => ratio(speed(way), speed('none'));
  return { off: over('off'), sites: over('sites'), calls: over('calls') };
}

/** One table for all Nodes, in Markdown. */
function table(figures: readonly NodeFigures[]): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const costs = ({ value, low, high }: Interval): string =>
    `${Math.round(100 * (1 - value))} [${Math.round(100 * (1 - high))}, ${Math.round(100 * (1 - low))}] %`;
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = [
    row(['', ...figures.map(({ version }) => `Node ${version.slice(1)}`)]),
    row(['---', ...figures.map(() => '---')]),
  ];
  for (const level of LEVELS) {
    const cells = figures.map(({ speed }) => (speed === null ? '-' : costs(speed[level])));
    lines.push(row([`\`${level}\` costs, of requests/s`, ...cells]));
  }
  for (const way of ['off', 'window', 'sites'] as const) {
    const name = way === 'window' ? 'after a window' : `\`${way}\``;
    const shares = figures.map(
      ({ recovered: { [way]: own } }) => `${percent(own.leaf)}, ${percent(own.three)}`,
    );
    lines.push(row([`${name} shows, of leaves, of three frames`, ...shares]));
  }
  return lines.join('\n');
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`${name} must be a whole number of at least ${least}, got ${JSON.stringify(text)}`);
  }
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '16000' },
      rounds: { type: 'string', default: '7' },
      node: { type: 'string', default: process.execPath },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const requests = wholeNumber('--requests', values.requests, 1);
  const rounds = wholeNumber('--rounds', values.rounds, 0);
  // The children's: quiet, and without what the caller preloads.
  Object.assign(process.env, { LOG_LEVEL: 'silent', NODE_OPTIONS: '' });
  mkdirSync(out, { recursive: true });
  const figures: NodeFigures[] = [];
  for (const asked of values.node.split(',')) {
    const node = await resolveNode(asked, `${out}nodes`);
    const failure = await buildAddon(node.path);
    if (failure !== undefined)
      throw new Error(`the addon was not built for Node ${node.version}: ${failure}`);
    const shares = recovered(node, requests);
    figures.push({
      version: node.version,
      recovered: shares,
      speed: rounds > 0 ? speeds(node, rounds) : null,
    });
  }
  console.log(`\n${table(figures)}`);
}

main().catch((error: Error) => {
  process.stderr.write(`attribution: ${error.message}\n`);
  process.exitCode = 1;
});
