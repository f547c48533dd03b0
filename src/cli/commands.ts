import { readFileSync } from 'node:fs';
import { ProfileFileError } from '../profiler/index.js';
import { writeErr, writeOut } from './output.js';
import {
  ADVICE_HELP,
  adviceCommand,
  DIFF_HELP,
  diffCommand,
  MERGE_HELP,
  mergeCommand,
} from './profile-commands.js';
import { REPORT_HELP, reportCommand } from './report-command.js';
import { RUN_HELP, runCommand } from './run-command.js';
import { UsageError } from './usage.js';

const HELP = `rolp: how long do the objects of a Node.js app live, and where are they allocated?

Usage:
  rolp run [options] app.js [arguments]    run an app, write its profile, print the report
  rolp report [options] FILE...            print the report of profiles that were written
  rolp advice [options] FILE...            print what to move out of V8's heap, and what that saves
  rolp merge FILE... -o OUT                join the profiles of many processes
  rolp diff [options] BEFORE AFTER         print what changed, with an exit code for CI
  rolp help [command]                      options of a command
  rolp --version

An app can also be started as ever, with node --require rolp/register app.js.
Exit codes: 1 for a file that cannot be used, 2 for a wrong command line; rolp run ends as the app ends.
`;

const HELP_ON: ReadonlyMap<string, string> = new Map([
  ['run', RUN_HELP],
  ['report', REPORT_HELP],
  ['advice', ADVICE_HELP],
  ['merge', MERGE_HELP],
  ['diff', DIFF_HELP],
]);

/**
 * Runs the command line.
 * @param args without node and the script.
 */
export function main(args: readonly string[]): void {
  try {
    dispatch(args);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ProfileFileError)) throw error;
    writeErr(`rolp: ${error.message}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function dispatch(args: readonly string[]): void {
  const [command, ...rest] = args;
  switch (command) {
    case 'run':
      runCommand(rest);
      return;
    case 'report':
      reportCommand(rest);
      return;
    case 'advice':
      adviceCommand(rest);
      return;
    case 'merge':
      mergeCommand(rest);
      return;
    case 'diff':
      diffCommand(rest);
      return;
    case 'help':
    case '--help':
    case '-h':
      writeOut(helpOn(rest[0]));
      return;
    case '--version':
    case '-v':
      writeOut(`${version()}\n`);
      return;
    case undefined:
      throw new UsageError('a command is missing: run, report, advice, merge or diff; see rolp --help');
    default:
      throw new UsageError(`${JSON.stringify(command)} is no command; see rolp --help`);
  }
}

function helpOn(topic: string | undefined): string {
  if (topic === undefined) return HELP;
  const help = HELP_ON.get(topic);
  if (help !== undefined) return help;
  throw new UsageError(`there is no help on ${JSON.stringify(topic)}; see rolp --help`);
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
