import { dirname, isAbsolute, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RawFrame } from './aggregates.js';
import { frameFilter } from './frame-filter.js';
import { Memo } from './memo.js';
import { Packages, pathBelow } from './packages.js';
import type { ProfileFrame } from './profile.js';
import { SourceMaps } from './source-maps.js';

/** Where rolp's own code lies: its frames are folded into their callers, unless asked for. */
const ROLP_ROOT = dirname(dirname(fileURLToPath(import.meta.url))) + sep;

/**
 * What stands for objects that profiling itself made: whatever a profiling frame has called, source-map reading in
 * other packages included. The heap and the cache are no such work: they run for the app, and call it back.
 */
export const OWN_WORK = '(rolp)';
/** Frames and scripts remembered: what an app's profiles show is a fraction of them, what it compiles may have no end. */
const MOST_FRAMES = 16_384;
const MOST_SCRIPTS = 4096;
const OWN_WORK_FOLDERS = ['profiler', 'report', 'register', 'cli'].map((folder) => ROLP_ROOT + folder + sep);

export interface FrameOptions {
  /** Package names and paths to show; empty: all but Node's own and rolp's. */
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  /** What relative patterns are relative to. Default: the current directory. */
  readonly directory?: string;
  /** The app's entry file, whose package is the app. Default: `process.argv[1]`, else the directory. */
  readonly mainFile?: string;
}

/** A frame as the profile shows it. */
export interface ResolvedFrame {
  readonly frame: ProfileFrame;
  /** Equal for equal frames, in any process and checkout. */
  readonly key: string;
  /** What stands for a context of which no frame is shown; `null` for frames that are shown. */
  readonly hiddenAs: string | null;
}

/** Turns V8's frames into those of a profile. Remembers the frames, files and packages seen last. */
export interface FrameResolver {
  resolve(frame: RawFrame): ResolvedFrame;
  /** Whether what it has called is profiling's own work (OWN_WORK), and need not be resolved. Cost: a look into a map. */
  isOwnWork(frame: RawFrame): boolean;
}

/**
 * Makes the resolver of this process: applies source maps, names files by their package (`name@version/path`;
 * the app's own files by their path in its package) and applies the filters. Reads source files, maps and
 * package.json files, synchronously, as a rule each once.
 */
export function createFrameResolver(options: FrameOptions = {}): FrameResolver {
  const directory = options.directory ?? process.cwd();
  const include = options.include ?? [];
  const isShown = frameFilter(include, options.exclude ?? [], directory);
  const maps = new SourceMaps();
  const names = new FileNames(options.mainFile ?? process.argv[1] ?? `${directory}/index.js`);
  const seen = new Memo<ResolvedFrame>(MOST_FRAMES);
  const scripts = new Memo<Script>(MOST_SCRIPTS);
  const showsOwn = include.includes('rolp');

  function scriptAt(url: string): Script {
    let script = scripts.get(url);
    if (script === undefined) {
      const name = scriptOf(url);
      script = { name, own: showsOwn ? null : ownReason(name) };
      scripts.set(url, script);
    }
    return script;
  }

  function resolveNew(raw: RawFrame): ResolvedFrame {
    const { name: script, own } = scriptAt(raw.url);
    if (!isAbsolute(script)) {
      const shown = !isMeta(raw) && isShown({ script, packageName: null });
      return shown ? shownFrame(raw, script) : hiddenFrame(raw, script);
    }
    // Before its source maps are read, which no frame of it will show.
    if (own !== null) return { ...shownFrame(raw, script), hiddenAs: own };
    const written = maps.originalOf(script, raw.line, raw.column);
    const file = written?.source ?? script;
    const packageName = names.packageNameOf(script);
    const frame = { ...raw, line: written?.line ?? raw.line, column: written?.column ?? raw.column };
    if (!isShown({ script, packageName }) && !(file !== script && isShown({ script: file, packageName })))
      return hiddenFrame(frame, 'excluded');
    return shownFrame(frame, names.nameOf(file, script));
  }

  return {
    isOwnWork: (raw) => scriptAt(raw.url).own === OWN_WORK,
    resolve(raw) {
      const id = `${raw.function}\n${raw.url}\n${raw.line}:${raw.column}`;
      let resolved = seen.get(id);
      if (resolved === undefined) {
        resolved = resolveNew(raw);
        seen.set(id, resolved);
      }
      return resolved;
    },
  };
}

interface Script {
  /** As scriptOf() names it. */
  readonly name: string;
  /** What hides it if it is rolp's own, else `null`. */
  readonly own: string | null;
}

function ownReason(script: string): string | null {
  if (!script.startsWith(ROLP_ROOT)) return null;
  return OWN_WORK_FOLDERS.some((folder) => script.startsWith(folder)) ? OWN_WORK : '(rolp heap)';
}

/** Paths for files, `node:…` for Node, nothing for code without a script. */
function scriptOf(url: string): string {
  if (url.startsWith('file:')) {
    try {
      return fileURLToPath(url.replace(/[?#].*$/s, ''));
    } catch {
      return url;
    }
  }
  // The text of a data: URL is the program itself.
  return url.startsWith('data:') ? 'data:' : url;
}

/** V8's names for what is no function: (root), (GC), (V8 API), (BYTECODE_COMPILER)… */
function isMeta(raw: RawFrame): boolean {
  return raw.url === '' && /^\(.+\)$/.test(raw.function) && raw.function !== '(anonymous)';
}

function shownFrame(raw: RawFrame, url: string): ResolvedFrame {
  const frame = {
    function: raw.function || '(anonymous)',
    url,
    line: raw.line > 0 ? raw.line : null,
    column: raw.column > 0 ? raw.column : null,
  };
  return { frame, key: frameKey(frame), hiddenAs: null };
}

function hiddenFrame(raw: RawFrame, why: string): ResolvedFrame {
  const hiddenAs = why.startsWith('node:') ? '(node)' : isMeta(raw) ? raw.function : `(${why || 'excluded'})`;
  return { ...shownFrame(raw, why), hiddenAs };
}

/** What tells frames apart, in any process. */
export function frameKey(frame: ProfileFrame): string {
  return `${frame.function}\n${frame.url}\n${frame.line ?? 0}:${frame.column ?? 0}`;
}

/** A frame that stands for something that is no place in the code, such as `(node)` or `(folded)`. */
export function markerFrame(name: string): ProfileFrame {
  return { function: name, url: '', line: null, column: null };
}

/** Names files so that they are the same in every checkout. */
class FileNames {
  readonly #packages = new Packages();
  readonly #appRoot: string;

  constructor(mainFile: string) {
    this.#appRoot = this.#packages.of(mainFile)?.root ?? dirname(mainFile);
  }

  packageNameOf(script: string): string | null {
    return this.#packages.of(script)?.name ?? null;
  }

  /** @param file the file as written, which a source map may place anywhere. @param script the file that ran. */
  nameOf(file: string, script: string): string {
    if (!isAbsolute(file)) return file.replace(/^[a-z][a-z0-9+.-]*:\/\/\/?/i, '').replace(/^(\.\.?\/)+/, '');
    const owner = this.#packages.of(file) ?? this.#packages.of(script);
    if (owner === null || owner.root === this.#appRoot) return withoutClimbing(this.#appRoot, file);
    const path = withoutClimbing(owner.root, file);
    if (owner.name === null) return path;
    return owner.version === null ? `${owner.name}/${path}` : `${owner.name}@${owner.version}/${path}`;
  }
}

/** A file that lies outside the root (the source of a bundled file, say) keeps its name alone. */
function withoutClimbing(root: string, file: string): string {
  const path = pathBelow(root, file);
  return path.startsWith('../') || isAbsolute(path) ? path.slice(path.lastIndexOf('/') + 1) : path;
}
