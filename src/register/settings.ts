import { checkInteger, checkNumber, checkOneOf, nameMeant } from '../base/index.js';
import {
  type AttributionSetting,
  DEFAULT_ATTRIBUTION,
  formatAttribution,
  parseAttribution,
  parseFramePatterns,
} from '../profiler/index.js';

/** What `rolp/register` and `rolp run` can be told, checked. */
export interface Settings {
  readonly outDir: string;
  readonly intervalBytes: number;
  readonly stackDepth: number;
  readonly attribution: AttributionSetting;
  readonly windowPauseMs: number;
  /** Windows that may be opened by themselves, to resolve conflicts. */
  readonly autoWindows: number;
  /** A profile, or a directory of profiles, whose decisions are the start; empty: none. */
  readonly profileIn: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly budgetPercent: number;
  /** 0: no periodic files. */
  readonly reportPeriodMs: number;
  readonly signal: NodeJS.Signals | null;
  readonly quiet: boolean;
  readonly maxContexts: number;
  readonly noAddon: boolean;
  readonly pretenure: boolean;
}

/** One row of the table: a setting as the environment, the command line, the help and the README know it. */
export interface SettingRow<K extends keyof Settings = keyof Settings> {
  readonly key: K;
  readonly env: `ROLP_${string}`;
  /** Name of `rolp run`'s option, without the dashes. */
  readonly option: string;
  /** What stands for the value in the help; `null` for a switch. */
  readonly placeholder: string | null;
  /** As text, so that help and README can show it and the default passes the same check. */
  readonly default: string;
  readonly help: string;
  /** @param name what the user wrote: the variable or the option, for the error. */
  readonly parse: (name: string, text: string) => Settings[K];
}

const WRITE_SIGNALS = ['SIGUSR2', 'SIGHUP', 'SIGQUIT', 'SIGWINCH', 'SIGIO', 'SIGALRM'] as const;

function row<K extends keyof Settings>(setting: SettingRow<K>): SettingRow {
  return setting as unknown as SettingRow;
}

/** Every setting, in the order of the help. */
export const SETTINGS: readonly SettingRow[] = [
  row({
    key: 'outDir',
    env: 'ROLP_OUT_DIR',
    option: 'out-dir',
    placeholder: 'DIR',
    default: 'rolp-profiles',
    help: 'where profiles are written; made if it is not there, relative to the directory the app starts in',
    parse: nonEmpty,
  }),
  row({
    key: 'intervalBytes',
    env: 'ROLP_INTERVAL',
    option: 'interval',
    placeholder: 'BYTES',
    default: String(512 * 1024),
    help: 'mean bytes allocated between two samples; smaller sees more and costs more',
    parse: (name, text) => checkInteger(name, numeric(text), 1024, 2 ** 30),
  }),
  row({
    key: 'stackDepth',
    env: 'ROLP_STACK_DEPTH',
    option: 'stack-depth',
    placeholder: 'N',
    default: '16',
    help: 'frames kept of each sample, the allocating function first',
    parse: (name, text) => checkInteger(name, numeric(text), 1, 128),
  }),
  row({
    key: 'attribution',
    env: 'ROLP_ATTRIBUTION',
    option: 'attribution',
    placeholder: 'LEVEL[:CYCLES]',
    default: formatAttribution(DEFAULT_ATTRIBUTION),
    help: 'off, sites (inlining bounded, so that allocating functions show) or calls (inlining off, so that their callers show); with :CYCLES for the first so many GC cycles only',
    parse: (name, text) => parseAttribution(text, name),
  }),
  row({
    key: 'windowPauseMs',
    env: 'ROLP_WINDOW_PAUSE_MS',
    option: 'window-pause-ms',
    placeholder: 'MS',
    default: '100',
    help: 'longest pause that opening or closing an attribution window may be predicted to take',
    parse: (name, text) => checkNumber(name, numeric(text), 0, 60_000),
  }),
  row({
    key: 'autoWindows',
    env: 'ROLP_AUTO_WINDOWS',
    option: 'auto-windows',
    placeholder: 'N',
    default: '1',
    help: 'windows at level calls, 64 GC cycles each, that may be opened where callers hidden by inlining might tell lifetimes apart; 0 opens none',
    parse: (name, text) => checkInteger(name, numeric(text), 0, 1000),
  }),
  row({
    key: 'profileIn',
    env: 'ROLP_PROFILE_IN',
    option: 'profile-in',
    placeholder: 'FILE',
    default: '',
    help: 'profile of an earlier run, or a directory of profiles, whose decisions are the start; the run goes on correcting them',
    parse: (_name, text) => text,
  }),
  row({
    key: 'include',
    env: 'ROLP_INCLUDE',
    option: 'include',
    placeholder: 'LIST',
    default: '',
    help: 'package names and paths whose frames are shown, separated by commas; empty: all but Node itself',
    parse: parseFramePatterns,
  }),
  row({
    key: 'exclude',
    env: 'ROLP_EXCLUDE',
    option: 'exclude',
    placeholder: 'LIST',
    default: '',
    help: 'package names and paths whose frames are folded into their callers, separated by commas',
    parse: parseFramePatterns,
  }),
  row({
    key: 'budgetPercent',
    env: 'ROLP_BUDGET',
    option: 'budget',
    placeholder: 'PERCENT',
    default: '1',
    help: "share of wall time, and of the thread's CPU time, that looking at the samples and writing profiles may take; 0 looks at every GC",
    parse: (name, text) => checkNumber(name, numeric(text), 0, 100),
  }),
  row({
    key: 'reportPeriodMs',
    env: 'ROLP_REPORT_PERIOD',
    option: 'report-period',
    placeholder: 'SECONDS',
    default: '60',
    help: 'least time between two writes of the profile while the app runs (the first come sooner); 0 writes at the end only',
    parse: (name, text) => checkNumber(name, numeric(text), 0, 86_400) * 1000,
  }),
  row({
    key: 'signal',
    env: 'ROLP_SIGNAL',
    option: 'signal',
    placeholder: 'NAME',
    default: '',
    help: `signal at which the profile is written, e.g. SIGUSR2; none by default, since tools such as nodemon use it`,
    parse: (name, text) => (text === '' ? null : checkOneOf(name, text, WRITE_SIGNALS)),
  }),
  row({
    key: 'maxContexts',
    env: 'ROLP_MAX_CONTEXTS',
    option: 'max-contexts',
    placeholder: 'N',
    default: '5000',
    help: 'allocation contexts held at most; the coldest beyond are folded into their callers and counted',
    parse: (name, text) => checkInteger(name, numeric(text), 16, 1_000_000),
  }),
  row({
    key: 'quiet',
    env: 'ROLP_QUIET',
    option: 'quiet',
    placeholder: null,
    default: '0',
    help: 'no line at exit that names the file',
    parse: parseSwitch,
  }),
  row({
    key: 'noAddon',
    env: 'ROLP_NO_ADDON',
    option: 'no-addon',
    placeholder: null,
    default: '0',
    help: 'use the fallback sampler even where the native one would load',
    parse: parseSwitch,
  }),
  row({
    key: 'pretenure',
    env: 'ROLP_PRETENURE',
    option: 'pretenure',
    placeholder: '0|1',
    default: '1',
    help: "place what rolp's heaps hold by the lifetimes seen, where the program names no generation; 0 leaves it",
    parse: parseSwitch,
  }),
];

/** A value the user gave that no setting takes. `message` names the setting and says what it takes. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings from an environment. A variable set to nothing counts as not set.
 * @throws SettingError for the first misspelt name or wrong value.
 */
export function readSettings(env: Environment): Settings {
  checkVariableNames(env);
  const settings: Record<string, unknown> = {};
  for (const setting of SETTINGS) {
    settings[setting.key] = parseSetting(setting, setting.env, env[setting.env] || setting.default);
  }
  return settings as unknown as Settings;
}

/**
 * Others may have variables that begin with `ROLP_`; one that is spelt nearly as a setting of ours is meant for us, and
 * would go unnoticed.
 * @throws SettingError naming it, and the setting that may have been meant.
 */
export function checkVariableNames(env: Environment): void {
  const known = SETTINGS.map(({ env: name }) => name as string);
  for (const name of Object.keys(env)) {
    if (!name.startsWith('ROLP') || known.includes(name)) continue;
    const meant = nameMeant(name, known);
    if (meant !== null) throw new SettingError(`${name} is no setting; did you mean ${meant}?`);
  }
}

/**
 * @param name what the user wrote, for the error: `ROLP_INTERVAL` or `--interval`.
 * @throws SettingError when the text is not what the setting takes.
 */
export function parseSetting(setting: SettingRow, name: string, text: string): Settings[keyof Settings] {
  try {
    return setting.parse(name, text);
  } catch (error) {
    throw new SettingError((error as Error).message);
  }
}

/** A number if the text is one as people write them, else the text, for the check to show. */
function numeric(text: string): number | string {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e\d+)?$/i.test(text.trim()) ? Number(text) : text;
}

function nonEmpty(name: string, text: string): string {
  if (text.trim() === '') throw new TypeError(`${name} must name a directory, got ""`);
  return text;
}

function parseSwitch(name: string, text: string): boolean {
  return checkOneOf(name, text, ['0', '1']) === '1';
}
