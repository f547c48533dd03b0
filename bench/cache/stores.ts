/** The stores that bench/cache compares, by name. Peers come from bench/package.json, and may not be installed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LRUCache } from 'lru-cache';
import { ArenaCache, type CacheOptions, type CustomCodec, recordCodec } from 'rolp/cache';
import { defineRecord } from 'rolp/heap';
import { bytesCodec, stringCodec } from '../../src/cache/codecs/simple.js';
import { structuredCodec } from '../../src/cache/codecs/structured.js';
import { ByteWriter } from '../../src/cache/codecs/writer.js';
import type { Cell, ValueKind } from './spec.js';
import { ROOMY_BYTES, type Value, valueMaker } from './values.js';

export interface Store {
  get(key: string): Value | undefined;
  set(key: string, value: Value): unknown;
  /** Stores all at once where that is faster. */
  loadAll?(pairs: Iterable<readonly [string, Value]>): void;
  /** Its own stop work since the last call, each in ms. */
  ownPauses?(): number[];
  close?(): void;
}

/** What a child says when a peer cannot be had: the run goes on without it. */
export class NotInstalled extends Error {}

/** Those of the main comparison; a cell without objects has neither front nor views. */
export const MAIN_STORES = ['lru-cache', 'arena', 'floor'] as const;
export const OWN_VARIANTS = ['arena-front', 'arena-view'] as const;
export const PEERS = [
  'lmdb',
  'lmdb-cached',
  'hash-table',
  'map-of-buffers',
  'cacheable-memory',
  'quick-lru',
] as const;
/** Bytes read where they lie, good until the next call: what a reader gives who needs no copy. */
export const BYTE_VIEWS = ['arena-view', 'lmdb-view'] as const;
/** Peers whose entries V8 does not mark: the codec's work is theirs too. */
export const OFF_HEAP: ReadonlySet<string> = new Set([
  'lmdb',
  'lmdb-cached',
  'lmdb-view',
  'hash-table',
  'map-of-buffers',
]);

export async function openStore(name: string, cell: Cell): Promise<Store> {
  switch (name) {
    case 'floor':
      return floor(cell);
    case 'lru-cache':
      return new LRUCache<string, Value>({ max: cell.entries * 2 });
    case 'arena':
      return arena(cell, {});
    case 'arena-front':
      return arena(cell, { front: true });
    case 'arena-view':
      return arena(cell, { codec: cell.value === 'buffer' ? byteViews : entryCodec() });
    case 'lmdb':
      return await lmdb(cell, {});
    case 'lmdb-cached':
      return await lmdb(cell, { cached: true });
    case 'lmdb-view':
      return await lmdb(cell, { views: true });
    case 'hash-table':
      return await hashTable(cell);
    case 'map-of-buffers':
      return mapOfBuffers(cell);
    case 'cacheable-memory':
      return await cacheableMemory(cell);
    case 'quick-lru':
      return await quickLru(cell);
    default:
      throw new RangeError(`there is no store ${name}`);
  }
}

/** Answers as a store does that has everything, and keeps nothing. */
function floor({ value }: Cell): Store {
  const make = valueMaker(value);
  return { get: (key) => make(key.length), set: () => undefined };
}

const CODECS = { object: 'structured', string: 'string', buffer: 'bytes' } as const;

// biome-ignore lint/suspicious/noExplicitAny: any codec's values
function arena(cell: Cell, options: CacheOptions<string, any>): Store {
  const maxBytes = cell.entries * ROOMY_BYTES[cell.value] + 2 ** 24;
  // biome-ignore lint/suspicious/noExplicitAny: any codec's values
  const cache = new ArenaCache<string, any>({ maxBytes, codec: CODECS[cell.value], ...options });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    ownPauses() {
      const pauses: number[] = [];
      cache.heap.pauses.drain((_, ns) => pauses.push(ns / 1e6));
      return pauses;
    },
  };
}

function entryCodec(): ReturnType<typeof recordCodec> {
  const schema = { id: 'u32', name: 'string', score: 'f64', tags: 'string[]', ts: 'f64' } as const;
  return recordCodec(defineRecord(schema, 'Entry'));
}

/** A codec of one's own that hands out the cache's bytes themselves. */
const byteViews: CustomCodec<Uint8Array> = { encode: (value) => value, decode: (bytes) => bytes };

// ---- peers ----

async function peer<T>(name: string): Promise<T> {
  const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
  try {
    return (await import(pathToFileURL(require.resolve(name)).href)) as T;
  } catch (error) {
    throw new NotInstalled(`${name} cannot be loaded (npm ci --prefix bench): ${(error as Error).message}`);
  }
}

/** The arena's own codec for this kind of value, to bytes and back. */
function codecFor(kind: ValueKind): { encode(value: Value): Buffer; decode(bytes: Uint8Array): Value } {
  const codec = { object: structuredCodec(), string: stringCodec, buffer: bytesCodec }[kind];
  const out = new ByteWriter();
  return {
    encode(value) {
      if (kind === 'buffer') return value as Buffer;
      out.reset();
      codec.encode(value as never, out);
      return Buffer.from(out.u8.subarray(0, out.length));
    },
    decode(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return codec.decode(bytes, 0, bytes.length, view) as Value;
    },
  };
}

interface LmdbDatabase {
  get(key: string): Buffer | undefined;
  /** A view of one buffer that the next call overwrites. */
  getBinaryFast(key: string): Buffer | undefined;
  putSync(key: string, value: Buffer): unknown;
  transactionSync(work: () => void): void;
  close(): Promise<void>;
}

async function lmdb(
  { value }: Cell,
  { cached = false, views = false }: { cached?: boolean; views?: boolean },
): Promise<Store> {
  const { open } = await peer<{ open(options: object): LmdbDatabase }>('lmdb');
  const path = mkdtempSync(join(tmpdir(), 'rolp-bench-lmdb-'));
  const db = open({
    path,
    noSync: true,
    encoding: 'binary',
    cache: cached,
    mapSize: 2 ** 34,
    commitDelay: 0,
  });
  const { encode, decode } = codecFor(value);
  return {
    get(key) {
      if (views) return db.getBinaryFast(key);
      const bytes = db.get(key);
      return bytes === undefined ? undefined : decode(bytes);
    },
    set: (key, given) => db.putSync(key, encode(given)),
    loadAll(pairs) {
      db.transactionSync(() => {
        for (const [key, given] of pairs) db.putSync(key, encode(given));
      });
    },
    close() {
      void db.close().finally(() => rmSync(path, { recursive: true, force: true }));
    },
  };
}

interface HashTable {
  get(key: Buffer, keyOffset: number, value: Buffer, valueOffset: number): number;
  set(key: Buffer, keyOffset: number, value: Buffer, valueOffset: number): number;
}

/** Keys and values of one length each: a key of 16 bytes, and for the value its length and room for the longest. */
async function hashTable({ value, entries }: Cell): Promise<Store> {
  type Constructor = new (keyBytes: number, valueBytes: number, least: number, most: number) => HashTable;
  const { default: Table } = await peer<{ default: Constructor }>('@ronomon/hash-table');
  const bytes = { object: 96, string: 1032, buffer: 4104 }[value];
  const table = new Table(16, bytes, entries, entries * 2);
  const { encode, decode } = codecFor(value);
  const keyBytes = Buffer.alloc(16);
  const room = Buffer.alloc(bytes);
  const loadKey = (key: string): void => {
    keyBytes.fill(0, keyBytes.write(key, 0, 16, 'latin1'));
  };
  return {
    get(key) {
      loadKey(key);
      if (table.get(keyBytes, 0, room, 0) === 0) return undefined;
      return decode(room.subarray(4, 4 + room.readUInt32LE(0)));
    },
    set(key, given) {
      loadKey(key);
      const encoded = encode(given);
      room.writeUInt32LE(encoded.length, 0);
      room.set(encoded, 4);
      return table.set(keyBytes, 0, room, 0);
    },
  };
}

function mapOfBuffers({ value }: Cell): Store {
  const map = new Map<string, Buffer>();
  const { encode, decode } = codecFor(value);
  return {
    get(key) {
      const bytes = map.get(key);
      return bytes === undefined ? undefined : decode(bytes);
    },
    set: (key, given) => map.set(key, encode(given)),
  };
}

async function cacheableMemory({ entries }: Cell): Promise<Store> {
  type Constructor = new (options: { lruSize: number; useClone: boolean; checkInterval: number }) => Store;
  const { CacheableMemory } = await peer<{ CacheableMemory: Constructor }>('@cacheable/memory');
  return new CacheableMemory({
    lruSize: Math.min(entries * 2, 16_777_216),
    useClone: false,
    checkInterval: 0,
  });
}

async function quickLru({ entries }: Cell): Promise<Store> {
  type Constructor = new (options: { maxSize: number }) => Store;
  const { default: QuickLru } = await peer<{ default: Constructor }>('quick-lru');
  return new QuickLru({ maxSize: entries * 2 });
}
