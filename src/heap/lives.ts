import { warnOnce } from '../base/index.js';
import type { HeapCore } from './core.js';
import {
  AGE_COLUMNS,
  ageColumn,
  HEADER_BYTES,
  NUMBERED_GENERATIONS,
  rawBytes,
  STAMP_BYTES,
  siteIn,
} from './layout.js';
import { SAMPLED } from './region-space.js';
import type { Address, PlacementPolicy, SiteId } from './types.js';

const MAX_SAMPLE_GAP = 0x3fffffff;

/** Births and deaths: which blocks are sampled, their stamps, ages at death, and the placement policy that is told. */
export class Lives {
  readonly #core: HeapCore;
  /** Ages at death by generation, AGE_COLUMNS each; anonymous generations, also ended ones, share row 16. */
  readonly ages: Uint32Array = new Uint32Array((NUMBERED_GENERATIONS + 1) * AGE_COLUMNS);
  policy: PlacementPolicy | null = null;
  #sampleState: number;

  constructor(core: HeapCore) {
    this.#core = core;
    this.#sampleState = Math.floor(core.config.random() * 2 ** 31) | 1;
  }

  /**
   * Units until the next sampled block: exponential, so that samples are fair whatever the program's rhythm.
   * In integers from one xorshift state, so that no double is boxed.
   */
  sampleGap(): number {
    let state = this.#sampleState;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#sampleState = state;
    const uniform = (state >>> 0) / 2 ** 32;
    const { config, memory } = this.#core;
    if (config.sampleBytes === 0) return MAX_SAMPLE_GAP;
    // Divided, not shifted: the gap may be of more than 2^32 bytes.
    return Math.min(MAX_SAMPLE_GAP, (-Math.log(uniform) * config.sampleBytes) / memory.unitBytes) | 0;
  }

  /** Writes the birth stamp of a sampled block. */
  stamp(address: Address, units: number, site: SiteId, g: number, byteLength: number): void {
    const u32 = this.#core.memory.u32[address >>> this.#core.memory.slabShift]!;
    const end = this.#endWord(address, units);
    u32[end - 2] = this.#core.cycle;
    u32[end - 1] = this.#born(site, g, byteLength);
  }

  /** The same for a humongous block, whose stamp lies in the region table. */
  stampHumongous(region: number, site: SiteId, g: number, byteLength: number): void {
    const { space, cycle } = this.#core;
    space.bornCycle[region] = cycle;
    space.pins[region]! |= SAMPLED;
    space.cookie[region] = this.#born(site, g, byteLength);
  }

  #born(site: SiteId, g: number, byteLength: number): number {
    if (this.policy === null) return 0;
    try {
      return this.policy.born(site, this.#core.generations.id(g), byteLength);
    } catch (error) {
      this.dropPolicy(error);
      return 0;
    }
  }

  /** Notes the death of a sampled block. */
  noteDeath(address: Address, units: number, word1: number, g: number): void {
    const u32 = this.#core.memory.u32[address >>> this.#core.memory.slabShift]!;
    const end = this.#endWord(address, units);
    const byteLength = rawBytes(word1) - STAMP_BYTES - HEADER_BYTES;
    this.#died(siteIn(word1) as SiteId, g, byteLength, u32[end - 2]!, u32[end - 1]!);
  }

  /** Notes the death of the humongous block of `region`, if it was sampled. */
  noteHumongousDeath(region: number, word1: number, g: number): void {
    const { space } = this.#core;
    if ((space.pins[region]! & SAMPLED) === 0) return;
    space.pins[region]! &= ~SAMPLED;
    const byteLength = this.#core.humongousBytes(region);
    const cookie = space.cookie[region]! >>> 0;
    this.#died(siteIn(word1) as SiteId, g, byteLength, space.bornCycle[region]!, cookie);
  }

  #died(site: SiteId, g: number, byteLength: number, bornCycle: number, cookie: number): void {
    const { cycle, sites, generations } = this.#core;
    const age = cycle - bornCycle;
    const column = ageColumn(age);
    const row = g === 0 ? NUMBERED_GENERATIONS : Math.min(g, NUMBERED_GENERATIONS);
    sites.ages[site * AGE_COLUMNS + column]!++;
    this.ages[row * AGE_COLUMNS + column]!++;
    if (this.policy === null) return;
    try {
      this.policy.died(site, generations.id(g), byteLength, age, cookie);
    } catch (error) {
      this.dropPolicy(error);
    }
  }

  /** Tells the policy of a fragmented region's survivors. */
  fragmented(site: SiteId, g: number, liveBytes: number): void {
    this.#core.sites.fragmentedBytes[site]! += liveBytes;
    if (this.policy === null) return;
    try {
      this.policy.fragmented(site, this.#core.generations.id(g), liveBytes);
    } catch (error) {
      this.dropPolicy(error);
    }
  }

  /** A policy that throws must not take its host down: it is uninstalled. */
  dropPolicy(error: unknown): void {
    this.policy = null;
    this.#core.sites.reconsiderAll();
    warnOnce(
      'ROLP_HEAP_POLICY',
      `the placement policy threw and was uninstalled; blocks go to their site's or the current generation: ${error}`,
    );
  }

  /** Index of the 32-bit word behind a block of `units`. */
  #endWord(address: Address, units: number): number {
    const { memory } = this.#core;
    return ((address & memory.slabMask) + units) << memory.wordShift;
  }
}
