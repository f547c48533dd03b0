import { readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { Memo } from './memo.js';

const MOST_DIRECTORIES = 4096;

/** The package that a file belongs to. */
export interface PackageOf {
  readonly root: string;
  readonly name: string | null;
  readonly version: string | null;
}

/**
 * Finds the package of a file: the nearest package.json upwards that has a name, or the first one there is
 * when none has. Directories seen last are remembered, so that a profile costs one look per directory.
 */
export class Packages {
  readonly #byDirectory = new Memo<PackageOf | null>(MOST_DIRECTORIES);

  /** @returns `null` for a file outside any package. */
  of(file: string): PackageOf | null {
    return this.#ofDirectory(dirname(file));
  }

  #ofDirectory(directory: string): PackageOf | null {
    const known = this.#byDirectory.get(directory);
    if (known !== undefined) return known;
    const found = this.#find(directory);
    this.#byDirectory.set(directory, found);
    return found;
  }

  #find(directory: string): PackageOf | null {
    const own = readManifest(directory);
    if (own?.name) return own;
    const parent = dirname(directory);
    // A nameless package.json only says {"type": …} of a folder inside a package, unless nothing lies above.
    if (parent === directory || parent.endsWith(`${sep}node_modules`)) return own;
    return this.#ofDirectory(parent) ?? own;
  }
}

function readManifest(directory: string): PackageOf | null {
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  } catch {
    return null;
  }
  if (typeof manifest !== 'object' || manifest === null) return null;
  const { name, version } = manifest as Record<string, unknown>;
  return {
    root: directory,
    name: typeof name === 'string' && name !== '' ? name : null,
    version: typeof version === 'string' && version !== '' ? version : null,
  };
}

/** Path of `file` below `root`, with forward slashes on every platform. */
export function pathBelow(root: string, file: string): string {
  return relative(root, file).split(sep).join('/');
}
