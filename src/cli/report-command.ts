import { parseArgs } from 'node:util';
import { checkInteger, checkOneOf } from '../base/index.js';
import { formatReport, type ReportOptions, SORT_KEYS, selectContexts, selectRows } from '../report/index.js';
import { type LoadedProfile, loadEach } from './load-profiles.js';
import { columnsOf, writeOut } from './output.js';
import { UsageError } from './usage.js';

const DEFAULT_TOP = 20;

/** What `rolp report --help` prints. */
export const REPORT_HELP: string = `Usage: rolp report [options] FILE...

Prints what profiles say: a table of the places that allocate, those first whose objects survive. FILE is a profile or a
directory of profiles, of which those that cannot be read are told on stderr and left out. Contexts that allocate in one
place and whose objects live alike share a row.

Options:
  --top N         rows shown at most (default ${DEFAULT_TOP})
  --full          a row for each context
  --sort KEY      ${SORT_KEYS.join(', ')} (default survived)
  --filter TEXT   only contexts with this text in a function, a file, their class or id
  --json          the chosen contexts, and the rows as groups of contexts' ids, as JSON:
                  {"profiles": [{"file", ...profile, "groups"}]}
  --help          this page
`;

/**
 * `rolp report`.
 * @throws UsageError, or ProfileFileError for the first file that cannot be reported on and is not one of many in a directory.
 */
export function reportCommand(args: readonly string[]): void {
  const { values, positionals } = parse(args);
  if (values.help) {
    writeOut(REPORT_HELP);
    return;
  }
  if (positionals.length === 0) throw new UsageError('report: name a profile or a directory of profiles');
  const options = reportOptions(values);
  const loaded = loadEach(positionals);
  writeOut(
    values.json ? jsonReport(loaded, options) : textReport(loaded, columnsOf(process.stdout), options),
  );
}

/** The report that `rolp run` prints at the end. */
export function textReport(
  loaded: readonly LoadedProfile[],
  width: number,
  options: ReportOptions = { sort: 'survived', top: DEFAULT_TOP, full: false, filter: '' },
): string {
  return loaded.map(({ file, profile }) => formatReport(file, profile, options, width)).join('\n');
}

function jsonReport(loaded: readonly LoadedProfile[], options: ReportOptions): string {
  const profiles = loaded.map(({ file, profile }) => ({
    file,
    ...profile,
    contexts: selectContexts(profile, options).contexts,
    groups: selectRows(profile, options).rows.map(({ group, figures }) => ({
      frames: group.frames,
      callers: group.callers,
      contexts: group.contexts.map(({ id }) => id),
      samples: figures.samples,
      allocated: figures.allocated,
      live: figures.live,
      survival: figures.survival,
      deaths: figures.deaths,
      lifetime: figures.lifetime,
      class: figures.class,
    })),
  }));
  return `${JSON.stringify({ profiles }, null, 2)}\n`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        top: { type: 'string', default: String(DEFAULT_TOP) },
        sort: { type: 'string', default: 'survived' },
        filter: { type: 'string', default: '' },
        full: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(`report: ${(error as Error).message}`);
  }
}

function reportOptions(values: { top: string; sort: string; filter: string; full: boolean }): ReportOptions {
  try {
    const top = /^\d+$/.test(values.top) ? Number(values.top) : values.top;
    return {
      top: checkInteger('--top', top, 1, 1_000_000),
      sort: checkOneOf('--sort', values.sort, SORT_KEYS),
      filter: values.filter,
      full: values.full,
    };
  } catch (error) {
    throw new UsageError(`report: ${(error as Error).message}`);
  }
}
