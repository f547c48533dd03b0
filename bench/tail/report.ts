import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COLOURS } from './colours.js';
import type { RunConfig, Section } from './evaluate.js';
import type { ProcessResult } from './spec.js';
import { latencyQuantile, mergedLatency } from './statistics.js';
import { measuredPauses, PAUSE_QUANTILES, titleOf, validOf } from './summary.js';

/** Where the page's own script and style lie: they are no TypeScript, and stay in the source tree, beside it or out of build/. */
const PAGE = ['./page', '../../../bench/tail/page']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path))!;

/** Edges of the pause histogram, in ms. */
const INTERVALS_MS = [0, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

interface Series {
  readonly name: string;
  /** Null where a figure has too few samples. */
  readonly values: readonly (number | null)[];
}

interface GroupData {
  readonly title: string;
  readonly pauseQuantiles: { readonly labels: readonly string[]; readonly series: readonly Series[] };
  /** Pauses a run: variants have unlike numbers of repeats. */
  readonly pauseIntervals: { readonly labels: readonly string[]; readonly series: readonly Series[] };
  /** x is -log10(1 - quantile): one unit a nine. */
  readonly latency: { readonly nines: readonly number[]; readonly series: readonly Series[] };
  /** Pauses of the first valid run from its first second, warm-up included: seconds and ms. rolp's own are told by the second. */
  readonly overTime: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
  /** Megabytes that the first valid run held, on V8's heap and beside it, over seconds from its start. */
  readonly memory: readonly {
    readonly name: string;
    readonly points: readonly (readonly [seconds: number, heapMb: number, offHeapMb: number])[];
  }[];
  /** Capacity and peak RSS, in parts of `heap`'s. */
  readonly normalised: readonly {
    readonly name: string;
    readonly capacity: number | null;
    readonly rss: number | null;
  }[];
  readonly table: string;
}

/**
 * Writes report.html: one file that needs nothing else.
 *
 * @param note what is said below the tables
 */
export function writeReport(
  folder: string,
  config: RunConfig,
  sections: readonly Section[],
  note: string,
): void {
  const require = createRequire(import.meta.url);
  const uplot = dirname(require.resolve('uplot/package.json'));
  const groups = sections.map(dataOf);
  const asset = (path: string): string => readFileSync(path, 'utf8').replaceAll('</script', '<\\/script');
  const json = JSON.stringify({ config, note, colours: COLOURS, groups }).replaceAll('<', '\\u003c');
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rolp: tail latency</title>
<style>${asset(join(uplot, 'dist/uPlot.min.css'))}
${asset(join(PAGE, 'page.css'))}</style>
<body>
<main id="report"><noscript>The charts need JavaScript; the tables are in summary.txt.</noscript></main>
<script>${asset(join(uplot, 'dist/uPlot.iife.min.js'))}</script>
<script type="application/json" id="data">${json}</script>
<script>${asset(join(PAGE, 'page.js'))}</script>
</body>
</html>
`;
  writeFileSync(join(folder, 'report.html'), html);
}

function dataOf({ group, results, figures, text }: Section): GroupData {
  const valid = (name: string): ProcessResult[] => validOf(results, name);
  const nines = Array.from({ length: 51 }, (_, i) => i / 10);
  const heap = figures.find(({ variant }) => variant === 'heap');
  return {
    title: titleOf(group, figures),
    pauseQuantiles: {
      labels: [...PAUSE_QUANTILES.map((q) => `p${Number((q * 100).toFixed(5))}`), 'worst'],
      series: figures.map((f) => ({
        name: f.variant,
        values: [...f.pauseQuantiles.map(orNull), orNull(f.worstPause.value)],
      })),
    },
    pauseIntervals: {
      labels: INTERVALS_MS.map((ms, i) =>
        i + 1 < INTERVALS_MS.length ? `${ms}-${INTERVALS_MS[i + 1]}` : `>${ms}`,
      ),
      series: figures.map((f) => ({ name: f.variant, values: pausesByInterval(valid(f.variant)) })),
    },
    latency: {
      nines,
      series: figures.map((f) => ({ name: f.variant, values: latencyCurve(valid(f.variant), nines) })),
    },
    overTime: figures.map((f) => ({ name: f.variant, points: pointsOf(valid(f.variant)) })),
    memory: figures.map((f) => ({ name: f.variant, points: memoryOf(valid(f.variant)[0]) })),
    normalised: figures.map((f) => ({
      name: f.variant,
      capacity: orNull(heap && f.capacity / heap.capacity),
      rss: orNull(heap && f.peakRssMb.value / heap.peakRssMb.value),
    })),
    table: text,
  };
}

function orNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}

/** How many a run, in the mean of the repeats. */
export function pausesByInterval(results: readonly ProcessResult[]): number[] {
  const counts = new Array<number>(INTERVALS_MS.length).fill(0);
  for (const { ms } of results.flatMap(measuredPauses)) {
    counts[INTERVALS_MS.findLastIndex((edge) => ms >= edge)]!++;
  }
  return counts.map((count) => count / Math.max(1, results.length));
}

function latencyCurve(results: readonly ProcessResult[], nines: readonly number[]): (number | null)[] {
  if (results.length === 0) return nines.map(() => null);
  const merged = mergedLatency(results.map((result) => result.latency!));
  return nines.map((nine) => orNull(latencyQuantile(merged, 1 - 10 ** -nine)));
}

function memoryOf(result: ProcessResult | undefined): [number, number, number][] {
  if (result === undefined) return [];
  const { samples, spec } = result;
  return samples.map((sample) => [
    Math.round(sample.atMs / 1000 + spec.warmupSeconds),
    sample.heapUsedMb,
    sample.offHeapUsedMb,
  ]);
}

/** Short pauses are thinned out, so that a page with ten variants stays light. */
function pointsOf(results: readonly ProcessResult[]): [number, number][] {
  const [first] = results;
  if (first === undefined) return [];
  const points = first.pauses
    .map(({ atMs, ms }): [number, number] => [atMs / 1000 + first.spec.warmupSeconds, Math.max(ms, 0.01)])
    .sort((a, b) => a[0] - b[0]);
  const keepEvery = Math.ceil(points.length / 2000);
  const longest = points.map(([, ms]) => ms).sort((a, b) => b - a)[200] ?? 0;
  return points.filter(([, ms], i) => ms >= longest || i % keepEvery === 0);
}
