import type { Interval } from '../lib/compare.js';
import type { RunConfig, Section } from './evaluate.js';
import { confidenceText, digits, titleOf } from './summary.js';

const COLUMNS = [
  'variant',
  'worst pause, ms',
  'rolp’s own worst, ms',
  'p99.9 latency, ms',
  'operations/s',
  'peak RSS, MB',
];

/** The README's table of a run: the figures that targets are about, workload by workload. */
export function markdownOf(config: RunConfig, sections: readonly Section[]): string {
  const sure = confidenceText(sections.flatMap(({ results }) => results));
  const note = [
    ...(config.size === 'full'
      ? []
      : ['Indicative: a smaller run than `--full`, which alone gives verdicts.']),
    sure === ''
      ? 'Of one run each.'
      : `Medians of the repeats; ${sure.replace('[low, high]', '[low to high]')}.`,
  ];
  const head = `${config.machine}; \`${config.command}\`\n${note.join(' ')}\n`;
  return head + sections.map(tableOf).join('');
}

function tableOf({ group, figures }: Section): string {
  const rows = figures.map((f) => [
    f.invalid > 0 ? `${f.variant} (${f.invalid} of ${f.invalid + f.repeats} invalid)` : f.variant,
    shown(f.worstPause),
    digits(f.worstRolp.value),
    shown(f.p999),
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
