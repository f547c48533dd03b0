import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAttribution } from './attribution.js';
import { PROFILE_SCHEMA, type Profile } from './profile.js';

/** A file that is no profile of ours. `message` names it and says what is wrong. */
export class ProfileFileError extends Error {
  override readonly name = 'ProfileFileError';
}

const WHO_WRITES = 'profiles are written by node --require rolp/register app.js, into rolp-profiles';

/**
 * @param path a profile file, which is taken as it is, or a directory, which stands for the `rolp-*.json` in it.
 * @returns paths of profile files, by process and thread.
 * @throws ProfileFileError when there is no such path or the directory holds no profile.
 */
export function findProfileFiles(path: string): string[] {
  const names = namesIn(path);
  if (names === null) return [path];
  if (names.length === 0) {
    throw new ProfileFileError(`${path}: no profiles (rolp-*.json) in this directory; ${WHO_WRITES}`);
  }
  const byNumber = new Intl.Collator('en', { numeric: true });
  return names.sort(byNumber.compare).map((name) => join(path, name));
}

/** @returns null when the path is no directory. */
function namesIn(path: string): string[] | null {
  let stat: Stats | undefined;
  try {
    stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) {
      return readdirSync(path).filter((name) => /^rolp-\d+-\d+(-\d+)?\.json$/.test(name));
    }
  } catch (error) {
    throw new ProfileFileError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  if (stat === undefined) throw new ProfileFileError(`${path}: no such file or directory; ${WHO_WRITES}`);
  return null;
}

/**
 * @returns the profile in a file, checked as far as a report relies on it.
 * @throws ProfileFileError naming the file when it cannot be read, is damaged, is of another version or no profile.
 */
export function readProfile(path: string): Profile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ProfileFileError(`${path}: cannot be read: ${(error as Error).message}`);
  }
  if (text === '') throw new ProfileFileError(`${path}: no rolp profile: the file is empty`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new ProfileFileError(
      `${path}: damaged or no rolp profile, since it is not valid JSON: ${(error as Error).message}`,
    );
  }
  return checked(path, document);
}

function checked(path: string, document: unknown): Profile {
  const schema = isObject(document) ? document.schema : undefined;
  if (typeof schema !== 'string' || !schema.startsWith('rolp-profile/')) {
    throw new ProfileFileError(`${path}: no rolp profile (its "schema" is not "${PROFILE_SCHEMA}")`);
  }
  if (schema !== PROFILE_SCHEMA) {
    throw new ProfileFileError(
      `${path}: written by another version of rolp (schema "${schema}"); this one reads "${PROFILE_SCHEMA}": ` +
        'profile the app again, or report with the version that wrote it',
    );
  }
  const wrong =
    findMismatch(SHAPE, document, '') ??
    findPlacedMismatch(document as Profile) ??
    findAttributionMismatch(document as Profile);
  if (wrong !== null) throw new ProfileFileError(`${path}: damaged: ${wrong}`);
  return document as Profile;
}

/** What is read of a profile. docs/profile-schema.json says the whole; a validator for it would outweigh rolp. */
type Shape =
  | 'number'
  | 'string'
  | 'number?'
  | 'string?'
  | readonly [Shape]
  /** Null, or the shape. */
  | readonly ['?', Shape]
  | { readonly [key: string]: Shape };

const QUANTILE: Shape = { value: 'number?', low: 'number?', high: 'number?' };
const LIFETIME: Shape = {
  mean: QUANTILE,
  p50: QUANTILE,
  p90: QUANTILE,
  p99: QUANTILE,
  horizon: 'number?',
  beyond: 'number',
};
const PAUSES: Shape = {
  count: 'number',
  sum: 'number',
  p50: 'number?',
  p99: 'number?',
  max: 'number?',
  poll: 'number',
};
const FRAME: Shape = { function: 'string', url: 'string', line: 'number?', column: 'number?' };
const AMOUNT: Shape = { objects: 'number', bytes: 'number' };
const PLACED: Shape = {
  heap: 'string',
  site: 'string',
  features: {},
  cycleBytes: 'number',
  verdict: 'string',
};
const SHAPE: Shape = {
  process: {
    pid: 'number',
    threadId: 'number',
    node: 'string',
    argv: ['string'],
    startedAt: 'string',
    durationMs: 'number',
  },
  sampler: {
    engine: 'string',
    limitation: 'string?',
    intervalBytes: 'number',
    stackDepth: 'number',
    attribution: 'string',
    samples: 'number',
    missed: 'number?',
    skipped: 'number',
    cohorts: 'number',
    polls: 'number',
    pollNs: 'number',
    foldedContexts: 'number',
  },
  windows: [{ level: 'string', startMs: 'number', endMs: 'number?' }],
  gc: {
    scavenges: 'number',
    markCompacts: 'number',
    gcCycles: 'number',
    allocatedBytes: 'number',
    pauseMs: { scavenge: PAUSES, markCompact: PAUSES },
    costs: { scavengeNsPerByte: QUANTILE, markCompactNsPerByte: QUANTILE },
  },
  contexts: [
    {
      id: 'string',
      kind: 'string',
      frames: [FRAME],
      samples: 'number',
      allocated: AMOUNT,
      live: AMOUNT,
      survival: ['number'],
      deaths: { young: 'number', old: 'number' },
      lifetime: { gcCycles: LIFETIME, bytes: LIFETIME, ms: LIFETIME },
      estimated: 'number',
      generation: 'number?',
      confidence: 'number?',
      class: 'string',
      ageMarkCompacts: QUANTILE,
      decidedAt: 'number?',
      decidedBy: 'string?',
      conflict: [
        '?',
        {
          resolution: 'string',
          reason: 'string',
          command: 'string?',
          modes: [{ weight: 'number', class: 'string', medianGcCycles: 'number?' }],
        },
      ],
    },
  ],
  advice: [
    {
      frames: [FRAME],
      contexts: ['string'],
      what: 'string',
      into: 'string',
      copiedBytes: 'number',
      markedBytes: 'number',
      savedMs: QUANTILE,
      share: 'number',
      samples: 'number',
      limits: 'string',
    },
  ],
};

function findPlacedMismatch({ contexts }: Profile): string | null {
  for (const [index, { kind, placed }] of contexts.entries()) {
    if (kind !== 'placed' && placed === undefined) continue;
    const wrong = findMismatch(PLACED, placed, `contexts[${index}].placed`);
    if (wrong !== null) return wrong;
  }
  return null;
}

function findAttributionMismatch({ sampler }: Profile): string | null {
  try {
    parseAttribution(sampler.attribution, '"sampler.attribution"');
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** @returns what is wrong, with the place in the document, or `null`. */
function findMismatch(shape: Shape, value: unknown, place: string): string | null {
  if (typeof shape === 'string')
    return primitiveFits(shape, value) ? null : `"${place}" is no ${shape.replace('?', '')}`;
  if (Array.isArray(shape)) {
    // The last one is the shape, of each item or of what is not null.
    const inner = shape.at(-1) as Shape;
    if (shape.length === 2) return value === null ? null : findMismatch(inner, value, place);
    if (!Array.isArray(value)) return `"${place}" is no list`;
    for (const [index, item] of value.entries()) {
      const wrong = findMismatch(inner as Shape, item, `${place}[${index}]`);
      if (wrong !== null) return wrong;
    }
    return null;
  }
  if (!isObject(value)) return `"${place}" is missing`;
  for (const [key, part] of Object.entries(shape as Readonly<Record<string, Shape>>)) {
    const wrong = findMismatch(part, value[key], place === '' ? key : `${place}.${key}`);
    if (wrong !== null) return wrong;
  }
  return null;
}

function primitiveFits(shape: string, value: unknown): boolean {
  return (value === null && shape.endsWith('?')) || typeof value === shape.replace('?', '');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
