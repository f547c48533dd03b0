import { readFileSync } from 'node:fs';
import { ProfileFileError } from '../report/index.js';
import { REPORT_HELP, reportCommand } from './report-command.js';
import { RUN_HELP, runCommand } from './run-command.js';
import { UsageError } from './usage.js';

const HELP = `rolp: how long do the objects of a Node.js app live, and where are they allocated?

Usage:
  rolp run [options] app.js [arguments]    run an app, write its profile, print the report
  rolp report [options] FILE...            print the report of profiles that were written
  rolp help [run|report]                   options of a command
  rolp --version

An app can also be started as ever, with node --require rolp/register app.js.
`;

/**
 * Runs the command line.
 * @param args without node and the script.
 */
export function main(args: readonly string[]): void {
  try {
    dispatch(args);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ProfileFileError)) throw error;
    process.stderr.write(`rolp: ${error.message}\n`);
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
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(helpOn(rest[0]));
      return;
    case '--version':
    case '-v':
      process.stdout.write(`${version()}\n`);
      return;
    case undefined:
      throw new UsageError('a command is missing: run or report; see rolp --help');
    default:
      throw new UsageError(`${JSON.stringify(command)} is no command; see rolp --help`);
  }
}

function helpOn(topic: string | undefined): string {
  if (topic === undefined) return HELP;
  if (topic === 'run') return RUN_HELP;
  if (topic === 'report') return REPORT_HELP;
  throw new UsageError(`there is no help on ${JSON.stringify(topic)}; see rolp --help`);
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
