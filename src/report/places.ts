import type { ProfileFrame } from '../profiler/index.js';
import type { ReportRow } from './select.js';

/** Frames shown of each row: the allocating function and its caller, not counting V8's builtins. */
const NEAR_FRAMES = 2;

/** Files in full, `minisearch@7.2.0/src/MiniSearch.ts`, or by their last part alone. */
export type FileText = 'full' | 'short';

/**
 * Where each row's objects are allocated: the function and its caller, what tells the row from others that begin alike,
 * and the app's own code that it was for.
 */
export function placesOf(rows: readonly ReportRow[], files: FileText): string[] {
  const frameText = frameTexts(files);
  const near = rows.map(({ group }) => nearDepth(group.frames));
  const texts = rows.map(({ group }, row) => group.frames.slice(0, near[row]).map(frameText).join(' < '));
  return rows.map(({ group, figures }, row) => {
    if (group.frames.length === 0) return '(folded: too many contexts)';
    const others = rows.filter((other, i) => other.group !== group && texts[i] === texts[row]);
    const further = tellingFrames(
      group.frames,
      others.map((other) => other.group.frames),
      near[row]!,
      frameText,
    );
    return `${figures.estimated > 0 ? '~' : ''}${texts[row]}${further}${callersText(group, near[row]!, frameText)}`;
  });
}

function nearDepth(frames: readonly ProfileFrame[]): number {
  const place = frames.findIndex(({ url }) => url !== '');
  return Math.min(frames.length, Math.max(0, place) + NEAR_FRAMES);
}

/** The first frame beyond the near ones that tells these from all others; empty where there is none. */
function tellingFrames(
  frames: readonly ProfileFrame[],
  others: readonly (readonly ProfileFrame[])[],
  near: number,
  frameText: FrameText,
): string {
  const depths = others.map((other) =>
    frames.findIndex(
      (frame, depth) => other[depth] === undefined || frameText(other[depth]) !== frameText(frame),
    ),
  );
  const deepest = Math.max(-1, ...depths);
  if (deepest < near) return '';
  return `${deepest > near ? ' < …' : ''} < ${frameText(frames[deepest]!)}`;
}

/** The app's functions for which this was allocated, where the frames shown do not name them already. */
function callersText({ frames, callers }: ReportRow['group'], near: number, frameText: FrameText): string {
  const [heaviest, ...others] = callers;
  if (heaviest === undefined) return '';
  const shown = frames.slice(0, near).map(frameText);
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  if (shown.includes(frameText(heaviest))) return '';
  return ` < … < ${frameText(heaviest)}${more}`;
}

type FrameText = (frame: ProfileFrame) => string;

function frameTexts(files: FileText): FrameText {
  return ({ function: name, url, line }) => {
    if (url === '') return name;
    const file = files === 'full' ? url : url.slice(url.lastIndexOf('/') + 1);
    return line === null ? `${name} ${file}` : `${name} ${file}:${line}`;
  };
}
