import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { COLOURS } from './colours.js';
import type { Section } from './evaluate.js';
import { PAUSE_QUANTILES } from './summary.js';

/** Run once, for their figures: in the page and the tables. */
const LEFT_OUT: readonly string[] = ['lru-cache', 'map-of-buffers', 'minisearch'];
const LABELS: readonly string[] = [
  ...PAUSE_QUANTILES.map((q) => `p${Number((q * 100).toFixed(5))}`),
  'worst',
];

interface Point {
  readonly group: string;
  readonly variant: string;
  readonly label: string;
  readonly ms: number;
}

/**
 * The README's picture: pauses by percentile, a panel a workload. On white by itself, so that it can be read on a
 * dark page.
 *
 * @returns an SVG document.
 */
export function pausePicture(sections: readonly Section[]): string {
  const points = sections.flatMap(pointsOf);
  const groups = [...new Set(points.map(({ group }) => group))];
  const variants = Object.keys(COLOURS).filter((name) => points.some(({ variant }) => variant === name));
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const channels = { x: 'label', y: 'ms', fx: 'group', stroke: 'variant' };
  const svg = Plot.plot({
    document: document as never,
    width: 120 + 320 * Math.max(1, groups.length),
    height: 340,
    marginRight: 90,
    style: { background: 'white', color: '#1b1f24', fontFamily: 'sans-serif' },
    x: { type: 'point', domain: LABELS, label: null },
    y: {
      type: 'log',
      grid: true,
      tickFormat: (ms: number) => String(ms),
      label: 'pause in ms: V8’s and rolp’s together',
    },
    fx: { domain: groups, label: null, padding: 0.15 },
    color: { domain: variants, range: variants.map((name) => COLOURS[name]!) },
    marks: [
      Plot.lineY(points, { ...channels, z: 'variant' }),
      Plot.dot(points, { ...channels, fill: 'variant', r: 2.5 }),
      Plot.text(
        points.filter(({ label }) => label === 'worst'),
        { x: 'label', y: 'ms', fx: 'group', fill: 'variant', text: 'variant', textAnchor: 'start', dx: 6 },
      ),
    ],
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${svg.outerHTML}\n`;
}

function pointsOf({ group, figures }: Section): Point[] {
  const name = `${group.workload} ${group.mix}, Node ${group.node.replace(/^v(\d+).*/, '$1')}`;
  return figures
    .filter(({ variant }) => !LEFT_OUT.includes(variant))
    .flatMap(({ variant, pauseQuantiles, worstPause }) => {
      const values = [...pauseQuantiles, worstPause.value];
      return values.flatMap((ms, at) =>
        ms === undefined || !(ms > 0) ? [] : [{ group: name, variant, label: LABELS[at]!, ms }],
      );
    });
}
