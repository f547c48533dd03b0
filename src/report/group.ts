import { commonestClass, type ProfileContext, type ProfileFrame } from '../profiler/index.js';

/** Contexts that a report shows as one: they allocate in one place and their objects live alike. */
export interface ContextGroup {
  /** What all of them have in common, leaf first. */
  readonly frames: readonly ProfileFrame[];
  /** The functions of the app itself that are nearest to the allocations, heaviest first. Empty: none is known. */
  readonly callers: readonly ProfileFrame[];
  readonly contexts: readonly ProfileContext[];
}

/** Fewer samples tell nothing of how long objects live: such contexts go where most of their neighbours are. */
const TELLING_SAMPLES = 20;

/**
 * Groups contexts by the place that allocates: the leaf, and while that is one of V8's builtins (`Map.set` says little) its
 * callers. Where lifetimes behind one place fall into different classes, as many callers are told apart as it takes
 * to separate them, but none beyond the app's own code: what called that is which request came in, and which of
 * the functions in between V8 had inlined at the time.
 *
 * @returns groups in the order of their first context.
 */
export function groupContexts(contexts: readonly ProfileContext[]): ContextGroup[] {
  const byPlace = partition(contexts, (context) => {
    const depth = placeDepth(context.frames);
    return context.frames.slice(0, depth).map(frameKey).join('\n');
  });
  return byPlace.flatMap((own) => separate(own, placeDepth(own[0]!.frames)));
}

/** One group a context, for those who want all. */
export function groupEach(contexts: readonly ProfileContext[]): ContextGroup[] {
  return contexts.map((context) => ({ frames: context.frames, callers: [], contexts: [context] }));
}

/** Frames down to the first that is a place in a file, that included. */
function placeDepth(frames: readonly ProfileFrame[]): number {
  return frames.findIndex(({ url }) => url !== '') + 1 || frames.length;
}

/** Frames that may tell contexts apart: down to the first of the app's own, that included. */
function tellingDepth(frames: readonly ProfileFrame[]): number {
  return frames.findIndex(isOfApp) + 1 || frames.length;
}

/** Packages' files are named `name@version/path`; `(node)` and builtins have none. */
function isOfApp({ url }: ProfileFrame): boolean {
  return url !== '' && !url.startsWith('node:') && !/^(@[^/]+\/)?[^/@]+@[^/]+\//.test(url);
}

/** @param contexts with their first `depth` frames in common. */
function separate(contexts: readonly ProfileContext[], depth: number): ContextGroup[] {
  if (contexts.length === 1) return [groupOf(contexts, depth)];
  const parts = partition(contexts, ({ frames }) =>
    depth < tellingDepth(frames) ? frameKey(frames[depth]!) : '',
  );
  if (parts.length === 1) {
    const ends = contexts.every(({ frames }) => depth >= tellingDepth(frames));
    return ends ? [groupOf(contexts, depth)] : separate(contexts, depth + 1);
  }
  const groups = parts.flatMap((part) =>
    part.every(({ frames }) => depth < tellingDepth(frames))
      ? separate(part, depth + 1)
      : [groupOf(part, depth)],
  );
  return mergeAlike(groups, depth);
}

/** Merges those of one class again, and those that tell nothing with the heaviest. */
function mergeAlike(groups: readonly ContextGroup[], depth: number): ContextGroup[] {
  const weight = (group: ContextGroup): number =>
    group.contexts.reduce((sum, { samples }) => sum + samples, 0);
  const telling = groups.filter((group) => weight(group) >= TELLING_SAMPLES);
  const classOf = (group: ContextGroup): string => commonestClass(group.contexts);
  const heaviest = groups.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  return partition(groups, (group) => classOf(telling.includes(group) ? group : heaviest)).map((alike) =>
    alike.length === 1
      ? alike[0]!
      : groupOf(
          alike.flatMap((group) => group.contexts),
          depth,
        ),
  );
}

function groupOf(contexts: readonly ProfileContext[], depth: number): ContextGroup {
  const first = contexts[0]!.frames;
  const common = Math.min(...contexts.map(({ frames }) => sharedDepth(first, frames)));
  const callers = new Map<string, { frame: ProfileFrame; bytes: number }>();
  for (const { frames, allocated } of contexts) {
    const frame = frames.find(isOfApp);
    if (frame === undefined) continue;
    const caller = callers.get(frameKey(frame)) ?? { frame, bytes: 0 };
    caller.bytes += allocated.bytes;
    callers.set(frameKey(frame), caller);
  }
  return {
    frames: first.slice(0, Math.max(depth, common)),
    callers: [...callers.values()].sort((a, b) => b.bytes - a.bytes).map(({ frame }) => frame),
    contexts,
  };
}

function sharedDepth(a: readonly ProfileFrame[], b: readonly ProfileFrame[]): number {
  const differs = a.findIndex((frame, i) => b[i] === undefined || frameKey(frame) !== frameKey(b[i]));
  return differs === -1 ? a.length : differs;
}

function frameKey({ function: name, url, line, column }: ProfileFrame): string {
  return `${name}\t${url}\t${line}\t${column}`;
}

/** In the order in which keys are first met. */
function partition<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const parts = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [item]);
    else part.push(item);
  }
  return [...parts.values()];
}
