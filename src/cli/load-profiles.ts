import { findProfileFiles, type Profile, ProfileFileError, readProfile } from '../profiler/index.js';
import { writeErr } from './output.js';

export interface LoadedProfile {
  readonly file: string;
  readonly profile: Profile;
}

/**
 * Loads profiles for a command that shows each by itself. A file in a directory that cannot be read is told on stderr and left
 * out: one process that died while it wrote must not hide the others.
 *
 * @param paths profile files and directories of such.
 * @throws ProfileFileError for a file that was named and cannot be read, or if a directory holds none that can.
 */
export function loadEach(paths: readonly string[]): LoadedProfile[] {
  return paths.flatMap((path) => {
    const files = findProfileFiles(path);
    return files[0] === path ? [load(path)] : readablesOf(files);
  });
}

function readablesOf(files: readonly string[]): LoadedProfile[] {
  const loaded: LoadedProfile[] = [];
  const faults: ProfileFileError[] = [];
  for (const file of files) {
    try {
      loaded.push(load(file));
    } catch (error) {
      if (!(error instanceof ProfileFileError)) throw error;
      faults.push(error);
    }
  }
  if (loaded.length === 0) throw faults[0]!;
  for (const { message } of faults) writeErr(`rolp: left out: ${message}\n`);
  return loaded;
}

function load(file: string): LoadedProfile {
  return { file, profile: readProfile(file) };
}
