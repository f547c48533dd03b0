import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../base/index.js';
import { findProfileFiles, ProfileFileError, readDecisions } from '../profiler/index.js';
import {
  checkVariableNames,
  parseSetting,
  SETTINGS,
  SettingError,
  type SettingRow,
} from '../register/settings.js';
import { loadEach } from './load-profiles.js';
import { columnsOf, writeErr, writeOut } from './output.js';
import { textReport } from './report-command.js';
import { UsageError, wrap } from './usage.js';

const PRELOAD = fileURLToPath(new URL('../register/preload.cjs', import.meta.url));
/** Sent on to the app, besides the one at which it writes its profile. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGQUIT'];

/** What `rolp run --help` prints. */
export const RUN_HELP: string = `Usage: rolp run [options] app.js [arguments]
       rolp run [options] -- [node options] app.js [arguments]

Runs an app under node as it is, profiles it, and prints the report when it has ended. The report goes to
stderr, since stdout is the app's. The exit code, or the signal, is the app's.

Options (each is also an environment variable, which the option wins over):
${SETTINGS.map(settingHelp).join('\n')}
  --help
      this page
`;

function settingHelp(setting: SettingRow): string {
  const value = setting.placeholder === null ? '' : ` ${setting.placeholder}`;
  const standard =
    setting.placeholder === null || setting.default === '' ? '' : ` (default ${setting.default})`;
  return `  --${setting.option}${value}, ${setting.env}\n      ${wrap(setting.help + standard, 96, 6)}`;
}

/**
 * `rolp run`. Returns at once; the app's end sets this process's end.
 * @throws UsageError before the app starts.
 */
export function runCommand(args: readonly string[]): void {
  const { own, app } = splitAtApp(args);
  const values = parse(own);
  if (values.help) {
    writeOut(RUN_HELP);
    return;
  }
  if (app.length === 0) throw new UsageError('run: name the app to run, as for node; see rolp run --help');
  const env = appEnvironment(values);
  const startedAtMs = systemClock.unixMs();
  const child = spawn(process.execPath, ['--require', PRELOAD, ...app], { stdio: 'inherit', env });
  child.on('error', (error) => {
    writeErr(`rolp: run: node could not be started: ${error.message}\n`);
    process.exitCode = 1;
  });
  const ignore = (): void => {};
  process.on('SIGINT', hasTerminal() ? ignore : () => child.kill('SIGINT'));
  for (const signal of new Set([...PASSED_ON, ...writeSignal(env)])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('exit', (code, signal) => {
    printReport(env.ROLP_OUT_DIR!, child.pid!, startedAtMs);
    if (signal === null) process.exitCode = code ?? 1;
    else endBySignal(signal);
  });
}

/**
 * Whether a Ctrl-C reaches the app by itself, since a terminal sends it to both: sent on, it would come twice, and many
 * servers give up at the second. The descriptors are asked, not `process.stdin`: making that stream turns a pipe, which
 * the app shares, non-blocking, and a synchronous read of the app's from it then fails.
 */
function hasTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}

function writeSignal({ ROLP_SIGNAL: name }: NodeJS.ProcessEnv): NodeJS.Signals[] {
  return name ? [name as NodeJS.Signals] : [];
}

/** rolp's own options end at the first word that is none, or at `--`. */
function splitAtApp(args: readonly string[]): { own: string[]; app: string[] } {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return { own: args.slice(0, i), app: args.slice(i + 1) };
    if (!arg.startsWith('-') || arg === '-') return { own: args.slice(0, i), app: args.slice(i) };
    const setting = SETTINGS.find(({ option }) => arg === `--${option}`);
    if (setting !== undefined && setting.placeholder !== null) i++;
  }
  return { own: [...args], app: [] };
}

function parse(args: string[]): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(
    SETTINGS.map(({ option, placeholder }) => [
      option,
      { type: placeholder === null ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    return parseArgs({ args, options: { ...options, help: { type: 'boolean', short: 'h' } } })
      .values as Record<string, string | boolean | undefined>;
  } catch (error) {
    throw new UsageError(`run: ${(error as Error).message}`);
  }
}

/** The app's environment: ours, with the options given and absolute paths, since its children start where they like. */
function appEnvironment(values: Record<string, string | boolean | undefined>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  try {
    checkVariableNames(env);
    for (const setting of SETTINGS) {
      const given = values[setting.option];
      const text = given === true ? '1' : (given as string | undefined);
      if (text !== undefined) env[setting.env] = text;
      if (text !== undefined) parseSetting(setting, `--${setting.option}`, text);
      else parseSetting(setting, setting.env, env[setting.env] || setting.default);
    }
  } catch (error) {
    if (error instanceof SettingError) throw new UsageError(`run: ${error.message}`);
    throw error;
  }
  const outDir = SETTINGS.find(({ key }) => key === 'outDir')!;
  checkProfileIn(env, values['profile-in'] === undefined ? 'ROLP_PROFILE_IN' : '--profile-in');
  env.ROLP_OUT_DIR = resolve(env.ROLP_OUT_DIR || outDir.default);
  if (env.ROLP_PROFILE_IN) env.ROLP_PROFILE_IN = resolve(env.ROLP_PROFILE_IN);
  return env;
}

/** The app would run on without rolp; better not to start it. */
function checkProfileIn({ ROLP_PROFILE_IN: path }: NodeJS.ProcessEnv, name: string): void {
  if (!path) return;
  try {
    readDecisions(path);
  } catch (error) {
    if (!(error instanceof ProfileFileError)) throw error;
    throw new UsageError(`run: ${name}: ${error.message}`);
  }
}

/** @param startedAtMs since the Unix epoch: in a container each run's app has the same pid, and earlier files lie there. */
function printReport(directory: string, pid: number, startedAtMs: number): void {
  try {
    const files = existsSync(directory) ? findProfileFiles(directory) : [];
    const ofPid = files.filter((file) => new RegExp(`rolp-${pid}-\\d+(-\\d+)?\\.json$`).test(file));
    const own = loadEach(ofPid).filter(({ profile }) => Date.parse(profile.process.startedAt) >= startedAtMs);
    if (own.length === 0) {
      writeErr(`rolp: the app wrote no profile to ${directory}\n`);
      return;
    }
    writeErr(`\n${textReport(own, columnsOf(process.stderr))}`);
    // Of a cluster, say, whose primary has next to nothing to report.
    const others = files.filter((file) => !ofPid.includes(file) && writtenAtMs(file) >= startedAtMs).length;
    if (others > 0) writeErr(`rolp: ${others} more written meanwhile: rolp report ${directory} shows all\n`);
  } catch (error) {
    // Of whatever kind: thrown on it would be the exit code, which is the app's.
    writeErr(`rolp: no report: ${(error as Error).message}\n`);
  }
}

function writtenAtMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Ends as the app ended, so that a shell or supervisor sees no difference. */
function endBySignal(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Signals that do not end a process, or that Node blocks: the exit code a shell would give.
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
}
