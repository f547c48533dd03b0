import {
  type Clock,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNames,
  checkNumber,
  mathRandom,
  type Random,
  systemClock,
} from '../base/index.js';
import { GenerationTable } from './generation-table.js';
import { HandleTable } from './handle-table.js';
import { HOT_SCALAR_BYTES } from './hot-words.js';
import { MAX_REGION_BYTES, MIN_REGION_BYTES, NUMBERED_GENERATIONS } from './layout.js';
import { PauseLog } from './pauses.js';
import { RegionSpace, type SpaceShape } from './region-space.js';
import { SiteTable } from './site-table.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const MAX_SLAB_BYTES = 64 * MiB;
/** Longer regions would only make longer stops: evicting, compacting or evacuating goes region by region. */
const MAX_DEFAULT_REGION_BYTES = 256 * KiB;
const MIN_REGIONS = 4;
const MAX_BYTES = 2 ** 38;
/** What a heap of MAX_BYTES needs. */
const MAX_ALIGN_BYTES = 256;

export interface HeapOptions {
  /** All that the heap may hold: blocks, headers, tables, owners' reservations. About 74 KiB to 256 GiB, default 256 MiB. */
  readonly maxBytes?: number;
  /** Bytes of a region: a power of two, 256 B to 1 MiB. Default about maxBytes / 256, at most 256 KiB. */
  readonly regionBytes?: number;
  /** How many of the numbered generations are dynamic: 1 to 14, default 14. 15 is always permanent. */
  readonly generations?: number;
  /** Bytes allocated per heap cycle. Default maxBytes / 32, at least 4 regions. */
  readonly cycleBytes?: number;
  /** Blocks start at multiples of this: a power of two, 8 to 256. Default 8; past 12.8 GiB the least that has addresses enough. */
  readonly alignBytes?: number;
  /** Slots of the handle table: a power of two. Fewer leave more tag bits to detect stale refs. */
  readonly maxRefs?: number;
  /** A retired region with less than this share live is fragmented. Default 0.65 (G1's). */
  readonly liveThreshold?: number;
  /** Evacuation begins when this share of the bytes in use is dead. Default 0.1 (G1's heap waste). */
  readonly wasteThreshold?: number;
  /**
   * A fragmented region is left alone while it dies fast by itself; this is the least number of heap cycles
   * that it is watched. 0 evacuates at once. Default 1.
   */
  readonly settleCycles?: number;
  /** Time that one evacuation step may take, in ms. Default 0.5. */
  readonly stepBudgetMs?: number;
  /**
   * Mean bytes between two blocks that carry their birth, for ages: 1 is nearly every block, 0 none. Default a
   * thousandth of cycleBytes, 4 to 64 KiB: a thousand samples a heap cycle, if it is long enough. A block of n bytes is sampled with probability 1 - exp(-n / sampleBytes).
   */
  readonly sampleBytes?: number;
  /** Heap cycles after which an empty slab goes back to the system. Default 4. */
  readonly shrinkAfterCycles?: number;
  /** Slabs are SharedArrayBuffers. Default false. See docs/heap.md for what other threads may do. */
  readonly shared?: boolean;
  /** Give pages back in place when the addon can. Default true. */
  readonly decommit?: boolean;
  /**
   * Take the address space of `maxBytes` when the heap is made, in one buffer, as a server is given its memory when it starts
   * (Java's -Xms). No page of it is touched, so it costs no memory; but V8 takes a new buffer for as much garbage to come, and
   * a heap that grows has it mark once or twice. Of heaps that give pages back in place: not without the addon, nor with
   * `shared` or `decommit: false`. Default false.
   */
  readonly upFront?: boolean;
  /**
   * Ask Linux for huge pages behind large slabs when the addon can, so that reads at random seldom miss the TLB.
   * The first write to each page then takes 2 MiB at once, a stop of about a millisecond as the heap grows. Default false.
   */
  readonly hugePages?: boolean;
  /** Poison freed memory and check it: slow, for tests. Default false. */
  readonly debug?: boolean;
  /** Fill blocks with zeroes. Default false: a new block holds whatever was there. */
  readonly zeroFill?: boolean;
  /** Shown in events and messages. Default 'heap'. */
  readonly name?: string;
  /** The clock for pauses and step budgets. */
  readonly clock?: Clock;
  /** The random source that spaces the samples. */
  readonly random?: Random;
}

/** Every option with its value, and what follows from them. */
export interface HeapConfig extends Required<Omit<HeapOptions, 'alignBytes' | 'maxRefs'>> {
  readonly shape: SpaceShape;
  readonly slotBits: number;
  readonly handleChunkShift: number;
  /** Most live units of a fragmented region. */
  readonly liveLimit: number;
}

const NAMES: readonly string[] = Object.keys({
  maxBytes: true,
  regionBytes: true,
  generations: true,
  cycleBytes: true,
  alignBytes: true,
  maxRefs: true,
  liveThreshold: true,
  wasteThreshold: true,
  settleCycles: true,
  stepBudgetMs: true,
  sampleBytes: true,
  shrinkAfterCycles: true,
  shared: true,
  decommit: true,
  upFront: true,
  hugePages: true,
  debug: true,
  zeroFill: true,
  name: true,
  clock: true,
  random: true,
} satisfies Record<keyof HeapOptions, true>);

function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

function checkPowerOfTwo(name: string, value: number, min: number, max: number): number {
  checkInteger(name, value, min, max);
  if (!Number.isInteger(Math.log2(value)))
    throw new RangeError(`${name} must be a power of two, got ${value}`);
  return value;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

function resolveName(name: string | undefined): string {
  if (name !== undefined && typeof name !== 'string') {
    throw new TypeError(`GenerationalHeap.name must be a string, got ${typeof name}`);
  }
  return name ?? 'heap';
}

function resolveClock(clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock;
  checkFunction('GenerationalHeap.clock.nowMs', clock?.nowMs);
  return clock;
}

/**
 * Checks options and fills in what was left out.
 *
 * @throws TypeError, RangeError naming the option.
 */
export function resolveOptions(options: HeapOptions): HeapConfig {
  checkNames('GenerationalHeap', options, NAMES);
  const at = (option: string): string => `GenerationalHeap.${option}`;
  const maxBytes = checkInteger(at('maxBytes'), options.maxBytes ?? 256 * MiB, 16 * KiB, MAX_BYTES);
  const regionBytes = checkPowerOfTwo(
    at('regionBytes'),
    options.regionBytes ?? clamp(floorPowerOfTwo(maxBytes / 256), MIN_REGION_BYTES, MAX_DEFAULT_REGION_BYTES),
    MIN_REGION_BYTES,
    MAX_REGION_BYTES,
  );
  // An address is below 2^31 units. A quarter is left for spans that hold no memory.
  let leastAlign = 8;
  while (maxBytes * 1.25 > 2 ** 31 * leastAlign) leastAlign *= 2;
  const alignBytes = checkPowerOfTwo(
    at('alignBytes'),
    options.alignBytes ?? leastAlign,
    leastAlign,
    MAX_ALIGN_BYTES,
  );
  const slabBytes = clamp(floorPowerOfTwo(maxBytes / 64), regionBytes, MAX_SLAB_BYTES);
  const shape: SpaceShape = {
    regionBytes,
    slabBytes,
    unitShift: Math.log2(alignBytes),
    shared: checkBoolean(at('shared'), options.shared ?? false),
    decommit: checkBoolean(at('decommit'), options.decommit ?? true),
    hugePages: checkBoolean(at('hugePages'), options.hugePages ?? false),
    upFront: checkBoolean(at('upFront'), options.upFront ?? false),
  };
  const slotBits = Math.log2(
    checkPowerOfTwo(
      at('maxRefs'),
      options.maxRefs ?? clamp(2 ** Math.ceil(Math.log2(maxBytes / 32)), 1024, 2 ** 27),
      16,
      2 ** 29,
    ),
  );
  const chunkBytes = clamp(floorPowerOfTwo(maxBytes / 512), 64, 64 * KiB);
  const liveThreshold = checkNumber(at('liveThreshold'), options.liveThreshold ?? 0.65, 0, 0.95);
  const cycleBytes = checkInteger(
    at('cycleBytes'),
    options.cycleBytes ?? Math.max(Math.ceil(maxBytes / 32), 4 * regionBytes),
    256,
    2 ** 33,
  );
  const sampleBytes = options.sampleBytes ?? clamp(Math.floor(cycleBytes / 1024), 4 * KiB, 64 * KiB);
  const config: HeapConfig = {
    maxBytes,
    regionBytes,
    generations: checkInteger(at('generations'), options.generations ?? 14, 1, 14),
    cycleBytes,
    liveThreshold,
    wasteThreshold: checkNumber(at('wasteThreshold'), options.wasteThreshold ?? 0.1, 0, 1),
    settleCycles: checkInteger(at('settleCycles'), options.settleCycles ?? 1, 0, 1e6),
    stepBudgetMs: checkNumber(at('stepBudgetMs'), options.stepBudgetMs ?? 0.5, 0.01, 1e6),
    sampleBytes: checkInteger(at('sampleBytes'), sampleBytes, 0, 2 ** 30),
    shrinkAfterCycles: checkInteger(at('shrinkAfterCycles'), options.shrinkAfterCycles ?? 4, 0, 1e9),
    shared: shape.shared,
    decommit: shape.decommit,
    hugePages: shape.hugePages,
    upFront: shape.upFront,
    debug: checkBoolean(at('debug'), options.debug ?? false),
    zeroFill: checkBoolean(at('zeroFill'), options.zeroFill ?? false),
    name: resolveName(options.name),
    clock: resolveClock(options.clock),
    random: checkFunction(at('random'), options.random ?? mathRandom),
    shape,
    slotBits,
    handleChunkShift: Math.log2(chunkBytes / 4),
    liveLimit: Math.floor((liveThreshold * regionBytes) / alignBytes),
  };
  const least = fixedBytes(config) + MIN_REGIONS * regionBytes + chunkBytes;
  if (maxBytes < least) {
    throw new RangeError(
      `${at('maxBytes')} must be at least ${least} for regions of ${regionBytes} bytes, got ${maxBytes}`,
    );
  }
  return config;
}

/** Bytes of the tables that a heap has from the start. */
export function fixedBytes(config: HeapConfig): number {
  return (
    RegionSpace.tableBytesFor(config.maxBytes, config.shape) +
    GenerationTable.bytesFor(NUMBERED_GENERATIONS) +
    SiteTable.firstBytes +
    PauseLog.bytes +
    HOT_SCALAR_BYTES +
    HandleTable.fixedBytes(config.slotBits, config.handleChunkShift)
  );
}
