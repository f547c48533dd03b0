import {
  type MergedContexts,
  type Profile,
  type ProfilePauses,
  parseAttribution,
  whatLevelHides,
} from '../profiler/index.js';
import { adviceLines, conflictLines } from './advice.js';
import { type Column, fittingColumns, tableLines } from './columns.js';
import { bytesText, durationText, estimateText, numberText, sparkline } from './format.js';
import { placedLines } from './placed.js';
import { type FileText, placesOf } from './places.js';
import { type ReportOptions, type ReportRow, selectRows, survivedBytes } from './select.js';

/** Characters that a narrow terminal must leave for where objects are allocated. */
const PLACE_WIDTH = 60;
/** Advice and conflicts told below the table. */
const ADVICE_SHOWN = 5;
const CONFLICTS_SHOWN = 5;

/**
 * A report for the terminal.
 * @param file the profile's path, for the title.
 * @param width columns of the terminal; lines of the table are cut there. `Infinity`: never.
 */
export function formatReport(file: string, profile: Profile, options: ReportOptions, width: number): string {
  const { rows, matching, contexts } = selectRows(profile, options);
  const lines = [title(file, profile), ...pauseLines(profile), ...samplerLines(profile), ''];
  if (rows.length === 0) {
    lines.push(emptyText(profile, options));
  } else {
    lines.push(...tableOf(rows, options, width), '', ...legend(rows));
    if (matching > rows.length)
      lines.push(`${matching - rows.length} more rows: --top ${matching} shows all.`);
    if (contexts > matching) {
      lines.push(
        `${contexts} contexts share ${matching === 1 ? 'one row' : `${matching} rows`}; --full shows each, with its callers.`,
      );
    }
  }
  const advice = profile.advice.length > 0 ? adviceLines(profile, ADVICE_SHOWN, width) : [];
  if (advice.length > 0) lines.push('', 'What to move out of V8’s heap (rolp advice tells more):', ...advice);
  const conflicts = conflictLines(profile, CONFLICTS_SHOWN);
  if (conflicts.length > 0) lines.push('', ...conflicts);
  const placed = placedLines(profile.contexts, options.top, width);
  if (placed.length > 0) lines.push('', ...placed);
  return `${lines.join('\n')}\n`;
}

function title(file: string, { process, contexts }: Profile): string {
  const thread = process.threadId === 0 ? 'main thread' : `worker ${process.threadId}`;
  const app = process.argv.slice(1).join(' ') || 'node';
  return (
    `${file}: ${app}, ${thread} of process ${process.pid}, node ${process.node}, ` +
    `${durationText(process.durationMs)} from ${process.startedAt}, ${contexts.length} contexts`
  );
}

function pauseLines({ gc }: Profile): string[] {
  const { scavenge, markCompact } = gc.pauseMs;
  return [
    `GC pauses: ${pausesText('scavenge', scavenge)}; ${pausesText('mark-compact', markCompact)}; ` +
      `${bytesText(gc.allocatedBytes)} allocated over ${gc.gcCycles} GC cycles`,
  ];
}

function pausesText(kind: string, pauses: ProfilePauses): string {
  if (pauses.count === 0) return `no ${kind}s`;
  const quantiles = (['p50', 'p99', 'max'] as const)
    .filter((name) => pauses[name] !== null)
    .map((name) => `${name} ${durationText(pauses[name]!)}`);
  return (
    `${pauses.count} ${kind}${pauses.count === 1 ? '' : 's'} in ${durationText(pauses.sum)} ` +
    `(${quantiles.join(', ')}; rolp's part ${durationText(pauses.poll)})`
  );
}

function samplerLines({ sampler, windows }: Profile): string[] {
  const missed = sampler.missed === null ? 'an unknown number missed' : `${sampler.missed} missed`;
  const lines = [
    `Sampled every ${bytesText(sampler.intervalBytes)}, ${sampler.stackDepth} frames deep, by the ` +
      `${sampler.engine} sampler: ${sampler.samples} samples, ${missed}, ${sampler.skipped} outside the ` +
      `${sampler.cohorts} cohorts looked at`,
    attributionText(sampler.attribution),
  ];
  for (const { note, level } of windows)
    if (note !== undefined) lines.push(`Window at level ${level}: ${note}`);
  if (sampler.limitation !== null) lines.push(`Limit of this sampler: ${sampler.limitation}`);
  if (sampler.foldedContexts > 0) {
    lines.push(
      `${sampler.foldedContexts} cold contexts were folded into their callers: ROLP_MAX_CONTEXTS holds more.`,
    );
  }
  return lines;
}

/** In one line what the attribution level hides, and how to see more. */
function attributionText(attribution: string): string {
  const { level, cycles } = parseAttribution(attribution);
  if (cycles === null) return `Attribution ${level}: ${whatLevelHides(level)}`;
  return (
    `Attribution ${level} for the first ${cycles} GC cycles, then off: later objects of inlined functions are ` +
    `shared out as seen then (marked ~). ROLP_ATTRIBUTION=${level} measures throughout, and slows the app down.`
  );
}

/** Where the terminal is narrow, files go by their last part, then columns that can be spared go, then lines are cut. */
function tableOf(rows: readonly ReportRow[], options: ReportOptions, width: number): string[] {
  const full = tableLines(columnsOf(rows, options, 'full'), Number.POSITIVE_INFINITY);
  if (full.every((line) => line.length <= width)) return full;
  return tableLines(fittingColumns(columnsOf(rows, options, 'short'), width, PLACE_WIDTH), width);
}

function columnsOf(rows: readonly ReportRow[], { full = false }: ReportOptions, files: FileText): Column[] {
  const column = (
    align: Column['align'],
    spare: number,
    head: string,
    cell: (figures: MergedContexts, row: ReportRow) => string,
  ): Column => ({ head, align, spare, cells: rows.map((row) => cell(row.figures, row)) });
  const columns = [
    column('right', 0, 'survived', (figures) => bytesText(survivedBytes(figures))),
    column('right', 1, 'allocated', ({ allocated }) => bytesText(allocated.bytes)),
    column('right', 2, 'live', ({ live }) => bytesText(live.bytes)),
    column('left', 0, 'class', (figures) => figures.class),
    column('right', 0, 'GCs p50', ({ lifetime }) => estimateText(lifetime.gcCycles.p50, numberText)),
    column('right', 5, 'p90', ({ lifetime }) => estimateText(lifetime.gcCycles.p90, numberText)),
    column('right', 6, 'bytes p50', ({ lifetime }) => estimateText(lifetime.bytes.p50, bytesText)),
    column('right', 3, 'time p50', ({ lifetime }) => estimateText(lifetime.ms.p50, durationText)),
    column('left', 0, 'alive at age 0-15', ({ survival }) => sparkline(survival)),
    column('right', 4, 'samples', ({ samples }) => String(samples)),
    column('right', 7, 'contexts', (_, { group }) => String(group.contexts.length)),
    {
      head: full ? 'allocating function < caller' : "allocating function < callers … < the app's own",
      align: 'left' as const,
      cells: placesOf(rows, files),
    },
  ];
  return full ? columns.filter(({ head }) => head !== 'contexts') : columns;
}

function legend(rows: readonly ReportRow[]): string[] {
  const lines = [
    'survived: bytes that lived through a GC or more. GCs, bytes, time: lifetime in GC cycles, in bytes allocated ' +
      'meanwhile, on the clock; > where more than that share still lives. Few samples, rough numbers.',
  ];
  if (rows.some(({ figures }) => figures.estimated > 0)) {
    lines.push('~: partly moved here from an outer function, as a window saw them shared out.');
  }
  return lines;
}

function emptyText(profile: Profile, { filter }: ReportOptions): string {
  const sampled = profile.contexts.filter(({ kind }) => kind === 'v8').length;
  if (sampled > 0) return `None of ${sampled} contexts matches ${JSON.stringify(filter)}.`;
  return 'No allocation was sampled: the app allocated too little for its interval. ROLP_INTERVAL=32768 sees more.';
}
