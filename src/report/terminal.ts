import {
  type Profile,
  type ProfileContext,
  type ProfileFrame,
  type ProfilePauses,
  parseAttribution,
  whatLevelHides,
} from '../profiler/index.js';
import { adviceLines, conflictLines } from './advice.js';
import { type Column, tableLines } from './columns.js';
import { bytesText, durationText, estimateText, numberText, sparkline } from './format.js';
import { placedLines } from './placed.js';
import { type ReportOptions, selectContexts, survivedBytes } from './select.js';

/** Frames shown of each context: the allocating function and its caller. */
const NEAR_FRAMES = 2;
/** Advice and conflicts told below the table. */
const ADVICE_SHOWN = 5;
const CONFLICTS_SHOWN = 5;

/**
 * A report for the terminal.
 * @param file the profile's path, for the title.
 * @param width columns of the terminal; lines of the table are cut there. `Infinity`: never.
 */
export function formatReport(file: string, profile: Profile, options: ReportOptions, width: number): string {
  const { contexts, matching } = selectContexts(profile, options);
  const lines = [title(file, profile), ...pauseLines(profile), ...samplerLines(profile), ''];
  if (contexts.length === 0) {
    lines.push(emptyText(profile, options));
  } else {
    lines.push(...tableLines(columnsOf(contexts), width), '', ...legend(contexts));
    if (matching > contexts.length) {
      lines.push(`${matching - contexts.length} more contexts: --top ${matching} shows all.`);
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

function columnsOf(contexts: readonly ProfileContext[]): Column[] {
  const right = (head: string, cell: (context: ProfileContext) => string): Column => ({
    head,
    align: 'right',
    cells: contexts.map(cell),
  });
  const left = (head: string, cell: (context: ProfileContext) => string): Column => ({
    ...right(head, cell),
    align: 'left',
  });
  return [
    right('survived', (context) => bytesText(survivedBytes(context))),
    right('allocated', (context) => bytesText(context.allocated.bytes)),
    right('live', (context) => bytesText(context.live.bytes)),
    left('class', (context) => context.class),
    right('GCs p50', ({ lifetime }) => estimateText(lifetime.gcCycles.p50, numberText)),
    right('p90', ({ lifetime }) => estimateText(lifetime.gcCycles.p90, numberText)),
    right('bytes p50', ({ lifetime }) => estimateText(lifetime.bytes.p50, bytesText)),
    right('time p50', ({ lifetime }) => estimateText(lifetime.ms.p50, durationText)),
    left('alive at age 0-15', (context) => sparkline(context.survival)),
    right('samples', (context) => String(context.samples)),
    { head: 'allocating function < caller', align: 'left', cells: placesOf(contexts) },
  ];
}

/**
 * Where each context allocates: the function and its caller, and where that is the same for several, the first
 * frame further out that tells them apart.
 */
function placesOf(contexts: readonly ProfileContext[]): string[] {
  const near = contexts.map(({ frames }) => frames.slice(0, NEAR_FRAMES).map(frameText).join(' < '));
  return contexts.map((context, index) => {
    if (context.frames.length === 0) return '(folded: too many contexts)';
    const others = contexts.filter((_, other) => near[other] === near[index]).map((other) => other.frames);
    const depth = telling(context.frames, others);
    const outer =
      depth === null ? '' : `${depth > NEAR_FRAMES ? ' < …' : ''} < ${frameText(context.frames[depth]!)}`;
    return `${context.estimated > 0 ? '~' : ''}${near[index]}${outer}`;
  });
}

/** @returns the depth beyond the near frames down to which frames must be compared to tell these from all others. */
function telling(
  frames: readonly ProfileFrame[],
  others: readonly (readonly ProfileFrame[])[],
): number | null {
  const depths = others
    .filter((other) => other !== frames)
    .map((other) =>
      frames.findIndex(
        (frame, depth) => other[depth] === undefined || frameText(other[depth]) !== frameText(frame),
      ),
    );
  const deepest = Math.max(-1, ...depths);
  return deepest < NEAR_FRAMES ? null : deepest;
}

function frameText({ function: name, url, line }: ProfileFrame): string {
  if (url === '') return name;
  return line === null ? `${name} ${url}` : `${name} ${url}:${line}`;
}

function legend(contexts: readonly ProfileContext[]): string[] {
  const lines = [
    'survived: bytes that lived through a GC or more. GCs, bytes, time: lifetime in GC cycles, in bytes allocated ' +
      'meanwhile, on the clock; > where more than that share still lives. Few samples, rough numbers.',
  ];
  if (contexts.some((context) => context.estimated > 0)) {
    lines.push('~: partly moved here from an outer function, as a window saw them shared out.');
  }
  return lines;
}

function emptyText(profile: Profile, { filter }: ReportOptions): string {
  const sampled = profile.contexts.filter(({ kind }) => kind === 'v8').length;
  if (sampled > 0) return `None of ${sampled} contexts matches ${JSON.stringify(filter)}.`;
  return 'No allocation was sampled: the app allocated too little for its interval. ROLP_INTERVAL=32768 sees more.';
}
