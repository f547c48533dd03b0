import { readFileSync, statSync } from 'node:fs';
import { findSourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  LEAST_UPPER_BOUND,
  originalPositionFor,
  type SourceMapInput,
  TraceMap,
} from '@jridgewell/trace-mapping';

/** A position in the source a user wrote; line and column 1-based. */
export interface SourcePosition {
  /** Absolute path or URL. */
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** Files and maps beyond this are not read: decoding them would stall the app in which the profile is made. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAPPING_URL = /^\/\/[#@]\s*sourceMappingURL=(\S+)\s*$/gm;

/**
 * Finds where code was written from where V8 runs it: by the maps that Node holds (for code that a loader
 * compiled on the fly), else by the map that the file on disk names. Each file is looked at once in the life of
 * this object; a file that cannot be read has no map.
 */
export class SourceMaps {
  readonly #maps = new Map<string, TraceMap | null>();

  /**
   * @param path absolute path of the file that ran.
   * @returns `null` where there is no map or it says nothing of this position.
   */
  originalOf(path: string, line: number, column: number): SourcePosition | null {
    let map = this.#maps.get(path);
    if (map === undefined) {
      map = heldByNode(path) ?? namedByFile(path);
      this.#maps.set(path, map);
    }
    if (map === null || line < 1) return null;
    const needle = { line, column: Math.max(0, column - 1) };
    let found = originalPositionFor(map, needle);
    if (found.source === null) found = originalPositionFor(map, { ...needle, bias: LEAST_UPPER_BOUND });
    if (found.source === null || found.line === null) return null;
    return { source: asPath(found.source), line: found.line, column: (found.column ?? 0) + 1 };
  }
}

function heldByNode(path: string): TraceMap | null {
  const held = findSourceMap(path) ?? findSourceMap(pathToFileURL(path).href);
  if (held === undefined) return null;
  return trace(held.payload as unknown as SourceMapInput, pathToFileURL(path).href);
}

function namedByFile(path: string): TraceMap | null {
  const code = readSmall(path);
  if (code === null) return null;
  let name: string | undefined;
  for (const match of code.matchAll(MAPPING_URL)) name = match[1];
  if (name === undefined) return null;
  if (name.startsWith('data:')) {
    const comma = name.indexOf(',');
    const text = name.slice(comma + 1);
    const json = name.slice(0, comma).endsWith(';base64')
      ? Buffer.from(text, 'base64').toString()
      : decodeURIComponent(text);
    return trace(json, pathToFileURL(path).href);
  }
  let mapUrl: URL;
  try {
    mapUrl = new URL(name, pathToFileURL(path));
  } catch {
    return null;
  }
  if (mapUrl.protocol !== 'file:') return null;
  const json = readSmall(fileURLToPath(mapUrl));
  return json === null ? null : trace(json, mapUrl.href);
}

// What cannot be read or parsed is another tool's output: the position in the running file stands then.
function readSmall(path: string): string | null {
  try {
    return statSync(path).size > MAX_BYTES ? null : readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function trace(map: SourceMapInput, url: string): TraceMap | null {
  try {
    return new TraceMap(map, url);
  } catch {
    return null;
  }
}

function asPath(source: string): string {
  if (!source.startsWith('file:')) return source;
  try {
    return fileURLToPath(source);
  } catch {
    return source;
  }
}
