import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect } from 'vitest';
import { type Profile, readProfile } from '../../src/profiler/index.js';

/** The preload as users have it, built: what `rolp/register` stands for with `--require`, and with `--import`. */
export const PRELOAD = resolve(import.meta.dirname, '../../dist/register/preload.cjs');
export const PRELOAD_MODULE = resolve(import.meta.dirname, '../../dist/register/index.js');

const root = mkdtempSync(join(tmpdir(), 'rolp-app-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let apps = 0;

/** How an app is run; the paths are relative to its own directory. */
export interface AppRun {
  /** Files of the app by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Node's options and the app's arguments, `app.cjs` alone by default. */
  readonly args?: readonly string[];
  /** How rolp comes in. */
  readonly preload?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Called when the app has written `ready` to stdout. */
  readonly whenReady?: (child: ChildProcess, directory: string) => void;
}

export interface AppEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly directory: string;
  /** By file name. */
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** Runs an app in a fresh directory, under rolp unless `preload` is empty. */
export async function runApp(run: AppRun): Promise<AppEnd> {
  const directory = join(root, String(apps++));
  mkdirSync(directory);
  for (const [name, text] of Object.entries(run.files ?? {})) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  const env: NodeJS.ProcessEnv = { ...process.env, ...run.env };
  for (const name of ['NODE_OPTIONS', 'NODE_V8_COVERAGE', 'VITEST', 'NODE_ENV', 'FORCE_COLOR']) {
    if (run.env?.[name] === undefined) delete env[name];
  }
  const preload = run.preload ?? ['--require', PRELOAD];
  const child = spawn(process.execPath, [...preload, ...(run.args ?? ['app.cjs'])], { cwd: directory, env });
  let stdout = '';
  let stderr = '';
  let told = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    if (told || !stdout.includes('ready')) return;
    told = true;
    run.whenReady?.(child, directory);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) => {
    child.on('error', fail);
    child.on('close', (...end) => done(end));
  });
  return {
    code,
    signal,
    stdout,
    stderr,
    directory,
    profiles: readProfiles(join(directory, 'rolp-profiles')),
  };
}

/** Every file must be a valid profile; what a killed process was just writing is hidden by its dot. */
export function readProfiles(directory: string): Record<string, Profile> {
  let names: string[] = [];
  try {
    names = readdirSync(directory).filter((name) => !name.startsWith('.'));
  } catch {}
  return Object.fromEntries(names.map((name) => [name, readProfile(join(directory, name))]));
}

/**
 * Runs an app without rolp and with it, and expects the same exit code, signal, stdout and stderr.
 * @returns how it ended with rolp.
 */
export async function expectUnchanged(run: AppRun): Promise<AppEnd> {
  const quiet = { ...run, env: { ROLP_QUIET: '1', ...run.env } };
  const [plain, profiled] = await Promise.all([runApp({ ...quiet, preload: [] }), runApp(quiet)]);
  expect(visible(profiled)).toEqual(visible(plain));
  return profiled;
}

/** What a user sees of an end, without what differs between any two runs. */
function visible({ code, signal, stdout, stderr, directory }: AppEnd): object {
  const same = (text: string): string =>
    text
      .replaceAll(directory, '<app>')
      .replace(/\b0x[0-9a-f]+\b/g, '<address>')
      .replace(/^\[\d+:.*$|^ *\d+: .*$/gm, '<native>')
      .replace(/\(node:\d+\)/g, '(node:<pid>)');
  return { code, signal, stdout: same(stdout), stderr: same(stderr) };
}

/**
 * Calls back once the app's periodic profile has more than so many samples, at once where there is none (without rolp):
 * a busy machine may take long over a write, and tests are of what is in the file, not of how soon.
 */
export function whenSampled(directory: string, samples: number, callback: () => void): void {
  const profiles = Object.values(readProfiles(join(directory, 'rolp-profiles')));
  if (profiles.every((profile) => profile.sampler.samples > samples)) callback();
  else setTimeout(() => whenSampled(directory, samples, callback), 50);
}

/** Names of a process's profiles as `<threadId>`, sorted; of all processes. */
export function threadsOf(end: AppEnd): number[] {
  return Object.values(end.profiles)
    .map((profile) => profile.process.threadId)
    .sort((a, b) => a - b);
}
