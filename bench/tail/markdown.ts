import type { Interval } from '../lib/compare.js';
import type { Group } from './plan.js';
import type { ProcessResult } from './spec.js';
import { digits, figuresOf, LATENCY_QUANTILES, titleOf } from './summary.js';

const COLUMNS = [
  'variant',
  'worst pause, ms',
  'of it rolp’s own',
  'p99.9 latency, ms',
  'operations/s',
  'peak RSS, MB',
];

/** The README's table of a run: the figures that targets are about, workload by workload. */
export function markdownOf(
  config: Record<string, unknown>,
  sections: readonly { readonly group: Group; readonly results: readonly ProcessResult[] }[],
): string {
  const note =
    config.size === 'full' ? '' : 'Indicative: a smaller run than `--full`, which alone gives verdicts.\n';
  const head = `${config.machine}; \`${config.command}\`\n${note}`;
  return head + sections.map(({ group, results }) => tableOf(group, results)).join('');
}

function tableOf(group: Group, results: readonly ProcessResult[]): string {
  const figures = figuresOf(group, results);
  const p999 = LATENCY_QUANTILES.indexOf(0.999);
  const rows = figures.map((f) => [
    f.invalid > 0 ? `${f.variant} (${f.invalid} of ${f.invalid + f.repeats} invalid)` : f.variant,
    shown(f.worstPause),
    digits(f.worstRolp.value),
    digits(f.latencyQuantiles[p999]),
    Number.isNaN(f.capacity) ? '-' : Math.round(f.capacity).toLocaleString('en'),
    digits(f.peakRssMb.value),
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const rule = line(COLUMNS.map((_, at) => (at === 0 ? '---' : '---:')));
  return `\n**${titleOf(group, figures)}**\n\n${line(COLUMNS)}${rule}${rows.map(line).join('')}`;
}

function shown({ value, low, high }: Interval): string {
  if (Number.isNaN(value)) return '-';
  return low === high ? digits(value) : `${digits(value)} [${digits(low)} to ${digits(high)}]`;
}
