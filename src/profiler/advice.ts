import type { LifetimeCell } from './aggregates.js';
import type { GcCosts } from './gc-cost.js';
import type { Advice, Estimate, ProfileContext, ProfileFrame } from './profile.js';

const NS_PER_MS = 1e6;
/** Fewer samples than this, and the advice would be about noise. */
const MIN_SAMPLES = 8;
/** V8 gives objects larger than half a page their own, and moves those between generations without a copy. */
const LARGE_BYTES = 128 * 1024;
/** Savings below this share of all pauses are not worth a change. */
const MIN_SHARE = 0.002;
const MOST = 50;
/** V8 pretenures a literal's site where so large a share of its objects survives a scavenge. */
const PRETENURED_SHARE = 0.85;
const Z = 1.959964;

/** A context with what advice needs beyond its profile. */
export interface AdviceInput {
  readonly context: ProfileContext;
  /** Lifetimes in GC cycles, from which the mark-compacts it lived through are counted. */
  readonly cells: readonly LifetimeCell[];
}

/** What advice needs to know of the process. */
export interface AdviceFacts {
  readonly gcCycles: number;
  readonly markCompacts: number;
  readonly costs: GcCosts;
  /** Bytes that all scavenges copied, and that were alive at all mark-compacts, as measured; null: not known. */
  readonly copiedBytes: number | null;
  readonly markedBytes: number | null;
  /** All GC pauses of the run, polls left out. */
  readonly pausesMs: number;
}

/**
 * What to move out of V8's heap, best first: for each piece of code the bytes that scavenges copied (survivors times
 * size, at each age until promotion) and mark-compacts marked, times what a byte costs this very process.
 *
 * The intervals cover the samples and the prices, not what the new place costs: encoding, decoding and its own pauses.
 */
export function adviseMoves(inputs: readonly AdviceInput[], facts: AdviceFacts): Advice[] {
  const sites = new Map<string, AdviceInput[]>();
  for (const input of inputs) {
    const { context } = input;
    if (context.kind !== 'v8' || isMarker(context.frames[0])) continue;
    const key = JSON.stringify(framesOf(context));
    const site = sites.get(key);
    if (site === undefined) sites.set(key, [input]);
    else site.push(input);
  }
  const copied = copiedParts(inputs, facts.copiedBytes);
  const marked = partMeasured(
    sum(inputs, (input) => markedBytesOf(input, facts)),
    facts.markedBytes,
  );
  return [...sites.values()]
    .map((site) => adviceOn(site, facts, copied, marked))
    .filter((advice): advice is Advice => advice !== null)
    .sort((a, b) => b.savedMs.value! - a.savedMs.value!)
    .slice(0, MOST);
}

/** Which part of what its survivors come to each context is credited as copied. */
interface CopiedParts {
  /** What V8 may have made in its old generation: looked for only where not all that survived was copied. */
  readonly bornOld: ReadonlySet<AdviceInput>;
  /** Of that, and of all else. */
  readonly ofBornOld: number;
  readonly ofOthers: number;
  /** Standard error of the bytes of all else, by which those of what may have been born old are told. */
  readonly othersError: number;
}

/**
 * What survives need not have been copied: V8 puts internalised strings (short ones of JSON) and pretenured literals
 * into its old generation at once, and its samples do not say where an object was born. But the bytes that were copied in all
 * do: what the contexts add up to beyond those is taken first off contexts of these two sorts, then off all alike.
 */
function copiedParts(inputs: readonly AdviceInput[], measured: number | null): CopiedParts {
  if (measured === null || sum(inputs, copiedBytesOf) <= measured) {
    return { bornOld: new Set(), ofBornOld: 1, ofOthers: 1, othersError: 0 };
  }
  const bornOld = new Set(inputs.filter(mayBeBornOld));
  const others = inputs.filter((input) => !bornOld.has(input));
  const [bytes, otherBytes] = [sum([...bornOld], copiedBytesOf), sum(others, copiedBytesOf)];
  return {
    bornOld,
    ofBornOld: bytes > 0 ? Math.max(0, measured - otherBytes) / bytes : 1,
    ofOthers: partMeasured(otherBytes, measured),
    othersError: Math.sqrt(sum(others, copiedVariance)),
  };
}

/** What JSON.parse made, and object and array literals nearly all of which survive. */
function mayBeBornOld({ context }: AdviceInput): boolean {
  if (context.kind !== 'v8' || isMarker(context.frames[0])) return false;
  const [all = 0, once = 0] = context.survival;
  if (context.frames[0]!.function !== 'parse' && once < PRETENURED_SHARE * all) return false;
  const { what } = kindOf(context.frames);
  return what === 'parsed JSON' || (what === 'objects' && once >= PRETENURED_SHARE * all);
}

/** Of a context's copied bytes, as its survivors are Poisson counts, each of as many bytes. */
function copiedVariance(input: AdviceInput): number {
  const [all = 0, once = 0] = input.context.survival;
  const survivors = all > 0 ? input.context.samples * (once / all) : 0;
  return copiedBytesOf(input) ** 2 / Math.max(1, survivors);
}

/** Where the contexts add up to more than was measured, each is credited its part. */
function partMeasured(estimated: number, measured: number | null): number {
  return measured === null || !(estimated > measured) ? 1 : measured / estimated;
}

/** `(node)`, `(folded)` and the like are no code of the app's. */
function isMarker(frame: ProfileFrame | undefined): boolean {
  return frame === undefined || (frame.url === '' && frame.function.startsWith('('));
}

/** The frames that name a piece of code: those that decide, and as far out as the app's first own place. */
function framesOf({ frames, decidedAt }: ProfileContext): readonly ProfileFrame[] {
  const placed = frames.findIndex(({ url }) => url !== '');
  return frames.slice(0, Math.max(decidedAt ?? 1, placed + 1));
}

function adviceOn(
  site: readonly AdviceInput[],
  facts: AdviceFacts,
  copied: CopiedParts,
  marked: number,
): Advice | null {
  const samples = sum(site, ({ context }) => context.samples);
  if (samples < MIN_SAMPLES || site.every(({ context }) => context.class === 'young')) return null;
  const isBornOld = (input: AdviceInput): boolean => copied.bornOld.has(input);
  const bornOld = sum(site.filter(isBornOld), copiedBytesOf);
  const others = sum(site, copiedBytesOf) - bornOld;
  const copiedBytes = copied.ofBornOld * bornOld + copied.ofOthers * others;
  const markedBytes = marked * sum(site, (input) => markedBytesOf(input, facts));
  const { scavengeNsPerByte, markCompactNsPerByte } = facts.costs;
  const copyingError = bornOld > 0 ? Math.min(bornOld, Z * copied.othersError) : 0;
  const copying = priced(copiedBytes, scavengeNsPerByte, samples, copyingError);
  const marking = priced(markedBytes, markCompactNsPerByte, samples, 0);
  const savedMs = together(copying, marking);
  const share = facts.pausesMs > 0 ? Math.min(1, savedMs.value! / facts.pausesMs) : 0;
  if (!(share >= MIN_SHARE)) return null;
  const frames = framesOf(site[0]!.context);
  const kind = kindOf(site[0]!.context.frames);
  return {
    frames,
    contexts: site.map(({ context }) => context.id),
    ...kind,
    copiedBytes,
    markedBytes,
    savedMs,
    share,
    samples,
  };
}

/** V8 copies what survives its first scavenge, unless it is large, and once more what survives the second, which promotes it. */
function copiedBytesOf({ context }: AdviceInput): number {
  const [all = 0, once = 0, twice = 0] = context.survival;
  if (context.allocated.bytes >= LARGE_BYTES * context.allocated.objects) return 0;
  return all > 0 ? (context.allocated.bytes * (once + twice)) / all : 0;
}

/**
 * Bytes marked: each mark-compact between birth and death marks an object, but that which collects it. Deaths of
 * old objects lie at a mark-compact, and births anywhere between two: half a mark-compact less each.
 */
function markedBytesOf({ context, cells }: AdviceInput, { gcCycles, markCompacts }: AdviceFacts): number {
  if (gcCycles === 0 || markCompacts === 0) return 0;
  let [all, marks] = [0, 0];
  for (const [low, high, , weight] of cells) {
    all += weight;
    const age = high === null ? low : (low + 1 + high) / 2;
    const faced = (age * markCompacts) / gcCycles;
    if (high === null) marks += weight * faced;
    else if (low >= 2) marks += weight * Math.max(0, faced - 0.5);
  }
  return all > 0 ? (context.allocated.bytes * marks) / all : 0;
}

/** Bytes times price in ms, the errors of both put together. @param bytesError what the bytes may be off by besides. */
function priced(bytes: number, nsPerByte: Estimate, samples: number, bytesError: number): Estimate {
  if (nsPerByte.value === null) return { value: 0, low: 0, high: 0 };
  const value = (bytes * nsPerByte.value) / NS_PER_MS;
  // Samples are Poisson counts; survivors are a part of them, so their error is no smaller.
  const sampling = Z / Math.sqrt(samples);
  const besides = (bytesError * nsPerByte.value) / NS_PER_MS;
  const error = (bound: number): number =>
    Math.hypot(sampling * value, ((bound - nsPerByte.value!) * bytes) / NS_PER_MS, besides);
  return { value, low: Math.max(0, value - error(nsPerByte.low!)), high: value + error(nsPerByte.high!) };
}

function together(a: Estimate, b: Estimate): Estimate {
  const value = a.value! + b.value!;
  return {
    value,
    low: Math.max(0, value - Math.hypot(a.value! - a.low!, b.value! - b.low!)),
    high: value + Math.hypot(a.high! - a.value!, b.high! - b.value!),
  };
}

/** Caches by the package that is on the stack. */
const CACHES =
  /(^|\/)(lru-cache|quick-lru|tiny-lru|node-cache|memory-cache|lru\.min|keyv|cacheable|@isaacs\/ttlcache|mnemonist)@/;
const MAP_METHODS = new Set(['set', 'add', 'Map', 'Set']);
const TEXT_METHODS = new Set([
  'concat',
  'join',
  'padEnd',
  'padStart',
  'repeat',
  'replace',
  'replaceAll',
  'slice',
  'split',
  'stringify',
  'substring',
  'toLowerCase',
  'toString',
  'toUpperCase',
  'trim',
]);

const NEVER = 'V8 never allocates these in its old generation at once';
const STILL_MARKED = 'whatever it moves there it still marks at each mark-compact';

/** What it is, where it could live, and what V8 does by itself. */
function kindOf(frames: readonly ProfileFrame[]): Pick<Advice, 'what' | 'into' | 'limits'> {
  const leaf = frames[0]!;
  const builtin = leaf.url === '' ? leaf.function : null;
  if (frames.some(({ url }) => CACHES.test(url))) {
    return {
      what: 'cache',
      into: 'ArenaCache',
      limits: `${NEVER} (a cache's entries and nodes are no literals).`,
    };
  }
  if (builtin === 'parse') {
    return { what: 'parsed JSON', into: 'ArenaCache', limits: `${NEVER}: JSON.parse is not pretenured.` };
  }
  if (builtin !== null && MAP_METHODS.has(builtin)) {
    return { what: 'map', into: 'map', limits: `${NEVER}: tables of Map and Set are copied when they grow.` };
  }
  if (builtin !== null && TEXT_METHODS.has(builtin)) {
    return { what: 'text', into: 'ArenaCache', limits: `${NEVER}: strings are not pretenured.` };
  }
  if (/^(new )?[A-Z]\w*[a-z]/.test(leaf.function)) {
    return { what: 'class', into: 'Pool', limits: `${NEVER}: class instances are not pretenured.` };
  }
  return {
    what: 'objects',
    into: 'record',
    limits: `V8 may pretenure object and array literals that nearly all survive, but no class, closure or string; ${STILL_MARKED}.`,
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
