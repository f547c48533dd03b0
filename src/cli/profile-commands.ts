import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { checkInteger, checkNumber } from '../base/index.js';
import {
  diffProfiles,
  findProfileFiles,
  mergeProfiles,
  type Profile,
  ProfileFileError,
  readProfile,
} from '../profiler/index.js';
import { formatAdvice, formatDiff } from '../report/index.js';
import { loadEach } from './load-profiles.js';
import { columnsOf, writeErr, writeOut } from './output.js';
import { UsageError } from './usage.js';

const DEFAULT_TOP = 20;
/** The exit code of `rolp diff` past its threshold: 1 is a file's fault, 2 the command line's. */
const OVER_THRESHOLD = 3;

/** What `rolp advice --help` prints. */
export const ADVICE_HELP: string = `Usage: rolp advice [options] FILE...

Prints what to move out of V8's heap, best first: which code, into what, and the GC pauses that is expected to save,
from the bytes that were copied and marked for it and what a byte cost that very process. FILE is a profile or a
directory of profiles.

Options:
  --top N         pieces of code shown at most (default ${DEFAULT_TOP})
  --json          as JSON: {"profiles": [{"file", "costs", "advice"}]}
  --help          this page
`;

/** What `rolp merge --help` prints. */
export const MERGE_HELP: string = `Usage: rolp merge FILE... -o OUT

Joins profiles, of the processes of a cluster or of several runs, into one by context id: counts are added, lifetimes
mixed, decisions voted on. FILE is a profile or a directory of profiles. OUT serves as ROLP_PROFILE_IN.

Options:
  -o, --out OUT   the file to write; one that is there is replaced
  --help          this page
`;

/** What `rolp diff --help` prints. */
export const DIFF_HELP: string = `Usage: rolp diff [options] BEFORE AFTER

Prints what survives more or less than before, per byte allocated, so that runs of different length compare. BEFORE and
AFTER are profiles or directories of profiles, which are joined first.

Options:
  --fail-over PCT exit with code ${OVER_THRESHOLD} if a context, or all together, lets more than PCT per cent of all that survived
                  before survive in addition, beyond what chance makes of the samples; for CI
  --top N         contexts shown at most (default ${DEFAULT_TOP})
  --json          all changes as JSON
  --help          this page
`;

/** `rolp advice`. @throws UsageError, or ProfileFileError for the first file that cannot be read and is not one of many. */
export function adviceCommand(args: readonly string[]): void {
  const { values, positionals } = parse('advice', args, {
    json: { type: 'boolean' },
    top: { type: 'string' },
  });
  if (values.help) {
    writeOut(ADVICE_HELP);
    return;
  }
  if (positionals.length === 0) throw new UsageError('advice: name a profile or a directory of profiles');
  const top = topOf('advice', values.top);
  const loaded = loadEach(positionals);
  if (values.json) {
    const profiles = loaded.map(({ file, profile }) => ({
      file,
      costs: profile.gc.costs,
      advice: profile.advice.slice(0, top),
    }));
    writeOut(`${JSON.stringify({ profiles }, null, 2)}\n`);
    return;
  }
  const width = columnsOf(process.stdout);
  writeOut(loaded.map(({ file, profile }) => formatAdvice(file, profile, top, width)).join('\n'));
}

/** `rolp merge`. @throws UsageError, or ProfileFileError for the first file that cannot be read or written. */
export function mergeCommand(args: readonly string[]): void {
  const { values, positionals } = parse('merge', args, { out: { type: 'string', short: 'o' } });
  if (values.help) {
    writeOut(MERGE_HELP);
    return;
  }
  if (positionals.length === 0) throw new UsageError('merge: name the profiles to join');
  if (typeof values.out !== 'string' || values.out === '')
    throw new UsageError('merge: name the file to write: -o OUT');
  const { out } = values;
  // A directory that also holds an earlier result must not join it in again.
  const files = positionals.flatMap(findProfileFiles).filter((file) => resolve(file) !== resolve(out));
  if (files.length === 0) throw new UsageError('merge: OUT is the only profile named');
  const merged = mergeProfiles(files.map(readProfile));
  try {
    writeFileSync(out, JSON.stringify(merged));
  } catch (error) {
    throw new ProfileFileError(`${out}: cannot be written: ${(error as Error).message}`);
  }
  writeErr(`rolp: ${files.length} profiles, ${merged.contexts.length} contexts: ${out}\n`);
}

/** `rolp diff`. @throws UsageError, or ProfileFileError for the first file that cannot be read. */
export function diffCommand(args: readonly string[]): void {
  const { values, positionals } = parse('diff', args, {
    'fail-over': { type: 'string' },
    json: { type: 'boolean' },
    top: { type: 'string' },
  });
  if (values.help) {
    writeOut(DIFF_HELP);
    return;
  }
  const [before, after, ...more] = positionals;
  if (before === undefined || after === undefined || more.length > 0) {
    throw new UsageError('diff: name two profiles, or directories of profiles');
  }
  const threshold = thresholdOf(values['fail-over']);
  const top = topOf('diff', values.top);
  const diff = diffProfiles(load(before), load(after));
  const width = columnsOf(process.stdout);
  writeOut(
    values.json ? `${JSON.stringify(diff, null, 2)}\n` : formatDiff([before, after], diff, top, width),
  );
  if (threshold === null) return;
  const over = [...diff.rows, diff.total].filter(
    ({ changePercent, noisePercent }) => changePercent - noisePercent > threshold,
  );
  if (over.length === 0) return;
  writeErr(`rolp: diff: ${over.length} changes exceed --fail-over ${threshold}\n`);
  process.exitCode = OVER_THRESHOLD;
}

function load(path: string): Profile {
  return mergeProfiles(findProfileFiles(path).map(readProfile));
}

function parse(command: string, args: readonly string[], options: NonNullable<ParseArgsConfig['options']>) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    });
    return { values: values as Record<string, string | boolean | undefined>, positionals };
  } catch (error) {
    throw new UsageError(`${command}: ${(error as Error).message}`);
  }
}

function topOf(command: string, text: string | boolean | undefined): number {
  return checked(command, () =>
    checkInteger('--top', text === undefined ? DEFAULT_TOP : numeric(text), 1, 1_000_000),
  );
}

function thresholdOf(text: string | boolean | undefined): number | null {
  if (text === undefined) return null;
  return checked('diff', () => checkNumber('--fail-over', numeric(text), 0, 1_000_000));
}

function numeric(text: string | boolean): unknown {
  return typeof text === 'string' && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function checked<T>(command: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new UsageError(`${command}: ${(error as Error).message}`);
  }
}
