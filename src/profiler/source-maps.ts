import { Buffer } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { findSourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL, URL } from 'node:url';
import { type SourceMapInput, TraceMap } from '@jridgewell/trace-mapping';
import { Mappings } from './mappings.js';

/** A position in the source a user wrote; line and column 1-based. */
export interface SourcePosition {
  /** Absolute path or URL. */
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** Files and maps beyond this are not read: that would stall the app in which the profile is made. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Mappings kept, in characters, whatever the number of maps; but always those of the file asked for last. */
const MOST_KEPT_CHARS = 8 * 1024 * 1024;
/** Files kept, most of which have no map. */
const MOST_KEPT_FILES = 4096;
const MAPPING_URL = /^\/\/[#@]\s*sourceMappingURL=(\S+)\s*$/;
const MAPPING_WORD = 'sourceMappingURL=';

/** What is kept of a map: neither names nor the sources' texts, which are most of its file. */
interface KeptMap {
  /** One; of an index map, as Turbopack and other bundlers write it, one for each file that was bundled. */
  readonly sections: readonly KeptSection[];
  /** Of their mappings. */
  readonly chars: number;
}

/** Mappings that hold from a place in the file on, 0-based, up to where the next section begins. */
interface KeptSection {
  readonly line: number;
  readonly column: number;
  readonly mappings: Mappings;
  /** Paths and URLs. */
  readonly sources: readonly (string | null)[];
}

/**
 * Finds where code was written from where V8 runs it: by the maps that Node holds (for code that a loader
 * compiled on the fly), else by the map that the file on disk names. A file that cannot be read has no map.
 *
 * Cost: reading a file and its map, some ms a MB, each time that one is asked for that is not kept. Those used last are
 * kept, up to 8 MiB of mappings and 4096 files.
 */
export class SourceMaps {
  readonly #mostChars: number;
  /** Those used last come last. */
  readonly #maps = new Map<string, KeptMap | null>();
  #chars = 0;

  constructor(mostChars: number = MOST_KEPT_CHARS) {
    this.#mostChars = mostChars;
  }

  /** Characters of mappings that are kept. */
  get keptChars(): number {
    return this.#chars;
  }

  /**
   * @param path absolute path of the file that ran.
   * @returns `null` where there is no map or it says nothing of this position.
   */
  originalOf(path: string, line: number, column: number): SourcePosition | null {
    const map = this.#mapOf(path);
    if (map === null || line < 1) return null;
    const [atLine, atColumn] = [line - 1, Math.max(0, column - 1)];
    const section = map.sections.findLast(
      (one) => one.line < atLine || (one.line === atLine && one.column <= atColumn),
    );
    if (section === undefined) return null;
    const inColumn = section.line === atLine ? atColumn - section.column : atColumn;
    const found = section.mappings.find(atLine - section.line, inColumn);
    const source = found === null ? null : section.sources[found.source];
    if (found === null || source == null) return null;
    return { source: asPath(source), line: found.line + 1, column: found.column + 1 };
  }

  #mapOf(path: string): KeptMap | null {
    let map = this.#maps.get(path);
    if (map === undefined) {
      map = heldByNode(path) ?? namedByFile(path);
      this.#chars += map?.chars ?? 0;
    } else this.#maps.delete(path);
    this.#maps.set(path, map);
    this.#trim();
    return map;
  }

  #trim(): void {
    for (const [path, map] of this.#maps) {
      const isFull = this.#chars > this.#mostChars || this.#maps.size > MOST_KEPT_FILES;
      if (!isFull || this.#maps.size === 1) return;
      this.#maps.delete(path);
      this.#chars -= map?.chars ?? 0;
    }
  }
}

function heldByNode(path: string): KeptMap | null {
  const url = pathToFileURL(path).href;
  const held = findSourceMap(path) ?? findSourceMap(url);
  return held === undefined ? null : keep(held.payload, url);
}

function namedByFile(path: string): KeptMap | null {
  const code = readSmall(path);
  const name = code === null ? null : nameOfMap(code);
  if (name === null) return null;
  const url = pathToFileURL(path);
  if (name.startsWith('data:')) {
    const comma = name.indexOf(',');
    const text = name.slice(comma + 1);
    return parse(name.slice(0, comma).endsWith(';base64') ? Buffer.from(text, 'base64') : text, url.href);
  }
  let mapUrl: URL;
  try {
    mapUrl = new URL(name, url);
  } catch {
    return null;
  }
  if (mapUrl.protocol !== 'file:') return null;
  const json = readSmall(fileURLToPath(mapUrl));
  return json === null ? null : parse(json, mapUrl.href);
}

/** What the last line that names a map calls it: in bytes, since the code is read for nothing else. */
function nameOfMap(code: Buffer): string | null {
  for (let at = code.lastIndexOf(MAPPING_WORD); at > 0; at = code.lastIndexOf(MAPPING_WORD, at - 1)) {
    const begin = code.lastIndexOf('\n', at) + 1;
    const end = code.indexOf('\n', at);
    // The word within a line of code, which may be a bundle.
    if (at - begin > 16) continue;
    const match = MAPPING_URL.exec(code.toString('utf8', begin, end < 0 ? code.length : end));
    if (match !== null) return match[1]!;
  }
  return null;
}

// What cannot be read or parsed is another tool's output: the position in the running file stands then.
function readSmall(path: string): Buffer | null {
  try {
    return statSync(path).size > MAX_BYTES ? null : readFileSync(path);
  } catch {
    return null;
  }
}

function parse(json: Buffer | string, url: string): KeptMap | null {
  try {
    return keep(JSON.parse(typeof json === 'string' ? decodeURIComponent(json) : json.toString()), url);
  } catch {
    return null;
  }
}

interface RawMap {
  readonly mappings?: unknown;
  readonly sources?: unknown;
  readonly sourceRoot?: unknown;
  readonly sections?: readonly { readonly offset: { line: number; column: number }; readonly map: RawMap }[];
}

function keep(payload: unknown, url: string): KeptMap | null {
  try {
    const map = payload as RawMap;
    const parts = Array.isArray(map.sections)
      ? (map.sections as NonNullable<RawMap['sections']>)
      : [{ offset: { line: 0, column: 0 }, map }];
    if (parts.length === 0) return null;
    const sections = parts.map((part) => keepSection(part.map, part.offset, url));
    return { sections, chars: sections.reduce((sum, { mappings }) => sum + mappings.chars, 0) };
  } catch {
    return null;
  }
}

/** @throws TypeError or whatever else comes of what is no map. */
function keepSection(
  { mappings, sources, sourceRoot }: RawMap,
  { line, column }: { readonly line: number; readonly column: number },
  url: string,
): KeptSection {
  if (typeof mappings !== 'string') throw new TypeError('no mappings');
  // Only to resolve the sources' names.
  const names = { version: 3, mappings: '', names: [], sources, sourceRoot } as SourceMapInput;
  return {
    line,
    column,
    mappings: new Mappings(mappings),
    sources: new TraceMap(names, url).resolvedSources,
  };
}

function asPath(source: string): string {
  if (!source.startsWith('file:')) return source;
  try {
    return fileURLToPath(source);
  } catch {
    return source;
  }
}
