import { resolve, sep } from 'node:path';

/** What a filter looks at. */
export interface FilterSubject {
  /** Absolute path of the file that ran, `node:…` for Node's own code, else what V8 calls the script. */
  readonly script: string;
  readonly packageName: string | null;
}

type Matcher = (subject: FilterSubject) => boolean;

/**
 * Splits the value of `ROLP_INCLUDE` or `ROLP_EXCLUDE`: comma-separated package names (`minisearch`,
 * `@fastify/cors`, `@fastify`), paths (`./src`, `/srv/app`, `.`) and `node:` or `node:fs`.
 *
 * @throws TypeError naming the setting when an entry is empty.
 */
export function parseFramePatterns(setting: string, value: string): string[] {
  if (value.trim() === '') return [];
  return value.split(',').map((entry) => {
    const pattern = entry.trim();
    if (pattern === '') {
      throw new TypeError(
        `${setting} must be a list of package names and paths separated by commas, got an empty entry in ${JSON.stringify(value)}`,
      );
    }
    return pattern;
  });
}

/**
 * Decides which frames a profile shows: those that match `include` (empty: all but Node's own) and do not match
 * `exclude`. A frame not shown is folded into its caller.
 *
 * @param directory what relative paths are relative to.
 */
export function frameFilter(
  include: readonly string[],
  exclude: readonly string[],
  directory: string,
): Matcher {
  const included = include.map((pattern) => matcher(pattern, directory));
  const excluded = exclude.map((pattern) => matcher(pattern, directory));
  return (subject) => {
    if (excluded.some((matches) => matches(subject))) return false;
    if (included.length === 0) return !subject.script.startsWith('node:');
    return included.some((matches) => matches(subject));
  };
}

function matcher(pattern: string, directory: string): Matcher {
  if (pattern === 'node' || pattern === 'node:') return ({ script }) => script.startsWith('node:');
  if (pattern.startsWith('node:')) {
    return ({ script }) => script === pattern || script.startsWith(`${pattern}/`);
  }
  if (/^[./\\]|^[A-Za-z]:[\\/]/.test(pattern)) return pathMatcher(resolve(directory, pattern));
  return ({ packageName }) => packageName === pattern || packageName?.startsWith(`${pattern}/`) === true;
}

/** A directory stands for what lies below it, but not for the packages installed there. */
function pathMatcher(path: string): Matcher {
  const below = path.endsWith(sep) ? path : path + sep;
  return ({ script }) =>
    script === path ||
    (script.startsWith(below) && !script.slice(below.length - 1).includes(`${sep}node_modules${sep}`));
}
