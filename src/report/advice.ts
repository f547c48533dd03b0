import type { Advice, Profile, ProfileContext, ProfileFrame } from '../profiler/index.js';
import { type Column, tableLines } from './columns.js';
import { bytesText, durationText } from './format.js';

const INTO: Readonly<Record<Advice['into'], string>> = {
  ArenaCache: 'ArenaCache (rolp/cache)',
  Pool: 'Pool of records (rolp/heap)',
  record: 'records in a Pool (rolp/heap)',
  map: 'a map on the heap (rolp/heap, createMap)',
};

/**
 * What to move out of V8's heap, best first, as lines of text.
 * @param width columns of the terminal; lines of the table are cut there.
 */
export function adviceLines(profile: Profile, top: number, width: number): string[] {
  const shown = profile.advice.slice(0, top);
  if (shown.length === 0) return ['Nothing worth moving out of V8’s heap was seen.'];
  const right = (head: string, cell: (advice: Advice) => string): Column => ({
    head,
    align: 'right',
    cells: shown.map(cell),
  });
  const lines = tableLines(
    [
      right('saves', ({ savedMs }) => durationText(savedMs.value ?? 0)),
      right(
        '95 % interval',
        ({ savedMs: { low, high } }) => `${durationText(low ?? 0)} to ${durationText(high ?? 0)}`,
      ),
      right('of pauses', ({ share }) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`),
      right('copied', ({ copiedBytes }) => bytesText(copiedBytes)),
      right('marked', ({ markedBytes }) => bytesText(markedBytes)),
      { head: 'what', align: 'left', cells: shown.map(({ what }) => what) },
      { head: 'where', align: 'left', cells: shown.map(({ frames }) => placeText(frames)) },
      { head: 'into', align: 'left', cells: shown.map(({ into }) => INTO[into]) },
    ],
    width,
  );
  const limits = [...new Set(shown.map(({ what, limits }) => `${what}: ${limits}`))];
  return [
    ...lines,
    '',
    'saves: GC pauses this run would have been spared, by its own price of a byte copied and of a byte marked.',
    ...limits.map((limit) => `- ${limit}`),
  ];
}

/** The innermost frame with a file, and what builtin it called. */
function placeText(frames: readonly ProfileFrame[]): string {
  return frames
    .map(({ function: name, url, line }) =>
      url === '' ? name : `${name} ${url}${line === null ? '' : `:${line}`}`,
    )
    .join(' < ');
}

/** Contexts whose lifetimes nothing seen tells apart, each piece of code once: what they mix and what would help. */
export function conflictLines({ contexts }: Profile, top: number): string[] {
  const sites = new Map<string, ProfileContext[]>();
  for (const context of contexts) {
    if (context.conflict === null) continue;
    const key = JSON.stringify(context.frames.slice(0, context.decidedAt ?? 1));
    const site = sites.get(key);
    if (site === undefined) sites.set(key, [context]);
    else site.push(context);
  }
  const bytesOf = (site: readonly ProfileContext[]): number =>
    site.reduce((sum, { allocated }) => sum + allocated.bytes, 0);
  const ranked = [...sites.values()].sort((a, b) => bytesOf(b) - bytesOf(a));
  const lines = ranked.slice(0, top).map((site) => {
    const { frames, decidedAt, conflict, kind } = site[0]!;
    const cycles = kind === 'placed' ? 'heap cycles' : 'GCs';
    const { modes, reason, command } = conflict!;
    const mixture = modes.map(
      ({ weight, class: named, medianGcCycles }) =>
        `${Math.round(100 * weight)} % ${named} (${medianGcCycles === null ? 'longer than seen' : `about ${Math.round(medianGcCycles)} ${cycles}`})`,
    );
    const help = command === null ? 'Not resolvable from samples' : `${command} may resolve it`;
    return `Conflict: ${placeText(frames.slice(0, decidedAt ?? 1))} mixes lifetimes, ${mixture.join(', ')}: ${reason}. ${help}.`;
  });
  if (ranked.length > top) lines.push(`${ranked.length - top} more conflicts.`);
  return lines;
}

/**
 * `rolp advice` for the terminal.
 * @param file the profile's path, for the title.
 */
export function formatAdvice(file: string, profile: Profile, top: number, width: number): string {
  const { scavengeNsPerByte, markCompactNsPerByte } = profile.gc.costs;
  const price = (ns: number | null): string =>
    ns === null ? 'unknown' : `${durationText((ns * 2 ** 20) / 1e6)} a MiB`;
  return `${[
    `${file}: what to move out of V8’s heap (copying costs ${price(scavengeNsPerByte.value)}, marking ${price(markCompactNsPerByte.value)})`,
    '',
    ...adviceLines(profile, top, width),
    ...conflictLines(profile, top),
  ].join('\n')}\n`;
}
