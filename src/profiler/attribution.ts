import { type AttributionLevel, LEVELS } from './aggregates.js';

/**
 * Attribution, ROLP's levels of call tracking in V8's terms. V8's stacks hold no inlined frames, and optimised code
 * folds several allocations into one. Flags that bind code compiled from then on give both back, at a price:
 *
 * - `off`: stacks as they are; only allocation folding is off, which is about free;
 * - `sites`: functions of more than 27 bytes of bytecode (V8's own limit of "small") are not inlined either, so that
 *   leaf functions show;
 * - `calls`: nothing is inlined, so that callers show.
 */
export interface AttributionSetting {
  readonly level: AttributionLevel;
  /** GC cycles after which the level goes back to `off`; null: it stays. */
  readonly cycles: number | null;
}

/** The strongest level that holds the overhead figure; see bench/attribution and bench/overhead. */
export const DEFAULT_ATTRIBUTION: AttributionSetting = { level: 'off', cycles: null };

/** V8's limit for "small" functions, which it inlines before all others. */
const SMALL_BYTECODE = 27;

/**
 * Parses `off`, `sites`, `calls`, `sites:64` or `calls:64` (that level for the first 64 GC cycles, then off).
 *
 * @throws TypeError naming the setting.
 */
export function parseAttribution(value: string, setting = 'ROLP_ATTRIBUTION'): AttributionSetting {
  const [level, cycles, ...rest] = value.split(':');
  const known = LEVELS.includes(level as AttributionLevel) && rest.length === 0;
  const count = cycles === undefined ? null : /^[1-9]\d{0,8}$/.test(cycles) ? Number(cycles) : Number.NaN;
  if (!known || Number.isNaN(count) || (level === 'off' && count !== null)) {
    throw new TypeError(
      `${setting} must be off, sites, calls, or sites:N or calls:N for the first N GC cycles (N >= 1), got ${JSON.stringify(value)}`,
    );
  }
  return { level: level as AttributionLevel, cycles: count };
}

/** The setting as a user writes it. */
export function formatAttribution({ level, cycles }: AttributionSetting): string {
  return cycles === null ? level : `${level}:${cycles}`;
}

/** One line on what a level hides and how to see more. */
export function whatLevelHides(level: AttributionLevel): string {
  switch (level) {
    case 'off':
      return 'Functions that V8 inlined show as the function they were inlined into; ROLP_ATTRIBUTION=sites shows them, calls shows their callers too, calls:64 does so for the first 64 GC cycles.';
    case 'sites':
      return 'Callers that V8 inlined, and leaf functions of 27 bytes of bytecode or less, are hidden; ROLP_ATTRIBUTION=calls shows them.';
    case 'calls':
      return 'Nothing is inlined: every caller within the stack depth shows, and the app runs slower where it leans on inlining.';
  }
}

/** A V8 flag with its value at each level. */
interface LevelFlag {
  readonly name: string;
  /** V8 that first has it, as major * 100 + minor, as far as seen in Node's releases. */
  readonly since: number;
  readonly value: (level: AttributionLevel, v8: number) => boolean | number;
  /** What V8 has without rolp, where that is not what level `off` has. */
  readonly byDefault?: (v8: number) => boolean | number;
}

/** V8 past this was not looked at: a flag might be gone, and V8 complains of unknown ones on stderr. */
const KNOWN_UNTIL = 1500;

// `node --v8-options` of 20.20 (V8 11.3), 22.23 (12.4), 24.21 (13.6) and 26.10 (14.6) agree on the defaults given
// here but where a version is named. Maglev is off on 20 and 22 unless asked for, where its flags do nothing.
const FLAGS: readonly LevelFlag[] = [
  { name: 'turbo-allocation-folding', since: 1000, value: () => false, byDefault: () => true },
  {
    name: 'maglev-allocation-folding',
    since: 1306,
    value: () => 0,
    byDefault: (v8) => (v8 < 1400 ? 1 : 2),
  },
  {
    name: 'max-inlined-bytecode-size',
    since: 1000,
    value: (level) => (level === 'sites' ? SMALL_BYTECODE : 460),
  },
  {
    name: 'max-maglev-inlined-bytecode-size',
    since: 1204,
    value: (level, v8) => (level === 'sites' ? SMALL_BYTECODE : v8 >= 1306 && v8 < 1400 ? 460 : 100),
  },
  { name: 'turbo-inlining', since: 1000, value: (level) => level !== 'calls' },
  { name: 'maglev-inlining', since: 1204, value: (level) => level !== 'calls' },
];

/** What decides which flags are touched. */
export interface FlagEnvironment {
  /** `process.versions.v8`. */
  readonly v8: string;
  /** Options node was started with, NODE_OPTIONS included. */
  readonly options: readonly string[];
  /** A V8 compile cache is on, whose entries are void under other flags. */
  readonly compileCache: boolean;
}

/**
 * The V8 flags that put a level in force, for `v8.setFlagsFromString`. Left out are flags that this V8 lacks (V8
 * would complain on stderr), those that the user set, and with a compile cache all of level `off`.
 *
 * @param from the level in force; a flag that both levels share need not be set again. Absent: V8's defaults.
 */
export function levelFlags(
  level: AttributionLevel,
  environment: FlagEnvironment,
  from?: AttributionLevel,
): string[] {
  const v8 = versionNumber(environment.v8);
  if (!(v8 < KNOWN_UNTIL)) return [];
  const users = new Set(environment.options.map(flagName));
  const flags: string[] = [];
  for (const { name, since, value } of FLAGS) {
    if (v8 < since || users.has(flagKey(name))) continue;
    const wanted = value(level, v8);
    // At the start everything but folding is as `off` has it; later folding is off already, unless spared then.
    const inForce = name.endsWith('allocation-folding')
      ? environment.compileCache
        ? level === 'off'
        : from !== undefined
      : wanted === value(from ?? 'off', v8);
    if (inForce) continue;
    flags.push(flagText(name, wanted));
  }
  return flags;
}

/** What takes back the flags that put a level in force at the start: V8 is then as it would be without rolp. */
export function undoFlags(level: AttributionLevel, environment: FlagEnvironment): string[] {
  const v8 = versionNumber(environment.v8);
  const set = new Set(levelFlags(level, environment).map(flagName));
  return FLAGS.filter(({ name }) => set.has(flagKey(name))).map(({ name, value, byDefault }) =>
    flagText(name, byDefault?.(v8) ?? value('off', v8)),
  );
}

function flagText(name: string, value: boolean | number): string {
  return typeof value === 'number' ? `--${name}=${value}` : `--${value ? '' : 'no-'}${name}`;
}

/** 13.6.233.17-node.53 is 1306. */
function versionNumber(v8: string): number {
  const [major, minor] = v8.split('.');
  return Number(major) * 100 + Number(minor);
}

/** V8 takes dashes for underscores, and `--no-x`, `--nox` and `--x=…` for flags x. */
function flagName(option: string): string {
  const key = flagKey(option.replace(/^--?/, '').replace(/=.*$/s, ''));
  const positive = key.replace(/^no/, '');
  return FLAGS.some(({ name }) => flagKey(name) === positive) ? positive : key;
}

function flagKey(name: string): string {
  return name.replace(/[-_]/g, '');
}

/** The running process's flag environment. Worker threads share the process's V8 flags. */
export function currentFlagEnvironment(compileCacheDirectory: string | undefined): FlagEnvironment {
  const { env } = process;
  const cacheByEnv = Boolean(env.NODE_COMPILE_CACHE) && !env.NODE_DISABLE_COMPILE_CACHE;
  return {
    v8: process.versions.v8,
    options: [...process.execArgv, ...(env.NODE_OPTIONS ?? '').split(/\s+/).filter(Boolean)],
    compileCache: compileCacheDirectory !== undefined || cacheByEnv,
  };
}
