import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a process's profiles go, and what keeps its file names apart from those of another with its pid. */
export interface ProfilePlace {
  readonly directory: string;
  readonly pid: number;
  /** Empty, or `-2`, `-3`, … where files of an earlier process with this pid lie (pid 1 of each container). */
  readonly suffix: string;
}

/** Path of a thread's profile. */
export function profilePath(place: ProfilePlace, threadId: number): string {
  return join(place.directory, `rolp-${place.pid}-${threadId}${place.suffix}.json`);
}

/**
 * Makes the directory and takes the names `rolp-<pid>-*` in it for this process, by writing a first file. No file
 * is ever written over that was there before, also when two processes with one pid (in two containers)
 * start together on a shared directory: the name is taken by a hard link, which exactly one of them gets.
 *
 * @param text what the first file says.
 * @throws Error naming the directory and its setting when it cannot be made or written to.
 */
export function claimPlace(directory: string, pid: number, threadId: number, text: string): ProfilePlace {
  const draft = draftPath(directory, pid, threadId);
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(draft, text);
    const taken = numbersTaken(directory, pid);
    for (let number = 1; ; number++) {
      const place = { directory, pid, suffix: number === 1 ? '' : `-${number}` };
      if (!taken.has(number) && takeName(draft, profilePath(place, threadId))) return place;
    }
  } catch (error) {
    throw failed(`${directory} (ROLP_OUT_DIR)`, error);
  } finally {
    discard(draft);
  }
}

function discard(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // There is no such directory, say: what failed before is the thing to tell.
  }
}

/** The system's own words for a full disk say "write", and not what. */
function failed(what: string, error: unknown): Error {
  return new Error(`${what}: ${(error as Error).message}`, { cause: error });
}

/**
 * Writes a thread's profile so that a reader sees the old one or the new one, never a part.
 * @throws Error naming the file; what was there before is then still there.
 */
export function writeProfile(place: ProfilePlace, threadId: number, text: string): string {
  const path = profilePath(place, threadId);
  const draft = draftPath(place.directory, place.pid, threadId);
  try {
    // Each time: a clean-up of the app's may have taken the directory away.
    mkdirSync(place.directory, { recursive: true });
    writeFileSync(draft, text);
    renameSync(draft, path);
  } catch (error) {
    discard(draft);
    throw failed(path, error);
  }
  return path;
}

let drafts = 0;

/** As it was before the app could put a fake one there. */
const nanoseconds = process.hrtime.bigint;

/** Random enough for two processes with one pid, and never `rolp-*.json`, so that no reader takes it for a profile. */
function draftPath(directory: string, pid: number, threadId: number): string {
  const unique = `${nanoseconds().toString(36)}${drafts++}`;
  return join(directory, `.rolp-${pid}-${threadId}-${unique}.tmp`);
}

/**
 * Of earlier processes with this pid, by any of their threads. All in one look: a container that is started each minute has
 * thousands within days, and a look for each would hold its start up for ever longer.
 */
function numbersTaken(directory: string, pid: number): Set<number> {
  const name = new RegExp(`^rolp-${pid}-\\d+(?:-(\\d+))?\\.json$`);
  const taken = new Set<number>();
  for (const file of readdirSync(directory)) {
    const match = name.exec(file);
    if (match !== null) taken.add(Number(match[1] ?? 1));
  }
  return taken;
}

function takeName(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  // No hard links here (some network and FUSE file systems): take the name by an empty file, then fill it.
  try {
    writeFileSync(path, '', { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  renameSync(draft, path);
  return true;
}
