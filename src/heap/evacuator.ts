import { channels } from './channels.js';
import type { HeapCore } from './core.js';
import { OWNER_SHIFT, siteIn } from './layout.js';
import { FRAGMENTED, FREE, HAS_OWNED, NONE, PIN_MASK, RETIRED, SETTLED, SOURCE } from './region-space.js';
import type { Address, Ref, SiteId } from './types.js';

/** Most units of work (copied, or four a block walked) between two looks at the clock. */
const MAX_WORK_PER_LOOK = 4096;
/** Blocks longer than this are copied by the platform's memmove; below, its call costs more than a loop. */
const LONG_WORDS = 256;
/** Share of maxBytes' regions below which evacuation no longer waits for regions to die by themselves. */
const LOW_WATER = 0.05;

/**
 * Evacuates fragmented regions: copies their live blocks into destinations of `evacuateTo` and frees them.
 * One source at a time, in steps; between two steps the source is an ordinary region with fewer blocks.
 *
 * A source needs at most one new region per target, and gives one back; allocation never takes the last free
 * one. So evacuation cannot run out of room halfway.
 */
export class Evacuator {
  readonly #core: HeapCore;
  /** Regions in state FRAGMENTED. */
  candidates: number = 0;
  /** Whether the dead bytes in use are over `wasteThreshold`: judged at each heap cycle. */
  wasteful: boolean = false;
  readonly #workPerLook: number;
  #source: number = NONE;
  #sourceEpoch: number = 0;
  #cursor: number = 0;
  #copiedFromSource: number = 0;
  /** An owner that asks for room while its blocks are moved must not start another evacuation within this one. */
  isCopying: boolean = false;
  /** The cycle in which no region was fit to evacuate, how many candidates there were, and whether under pressure. */
  #blockedCycle: number = -1;
  #blockedCandidates: number = 0;
  #blockedPressed: boolean = false;
  /** The run of blocks of one site that is being counted for `fragmented`. */
  #site: number = 0;
  #siteBytes: number = 0;

  constructor(core: HeapCore) {
    this.#core = core;
    this.#workPerLook = Math.min(MAX_WORK_PER_LOOK, core.space.regionUnits / 8);
  }

  /** Judges, once a cycle, whether dead bytes are worth copying for. */
  plan(): void {
    const { space, config } = this.#core;
    let wasted = 0;
    let inUse = 0;
    for (let r = 0; r < space.top; r++) {
      if (space.state[r] === FRAGMENTED && !this.#waits(r)) {
        wasted += space.regionUnits - (space.used[r]! - space.freed[r]!);
        this.#look(r);
      }
      if (space.state[r]! > FREE) inUse += space.regionUnits;
    }
    this.wasteful = wasted > config.wasteThreshold * inUse;
  }

  /** Whether the blocks of a region are expected to die by themselves soon. */
  #waits(region: number): boolean {
    const { space, cycle, generations } = this.#core;
    return cycle - space.bornCycle[region]! < generations.waitCycles[space.generation[region]!]!;
  }

  /**
   * A region that is still dying fast for its age will be free soon with nothing copied: it is settled only
   * when, over an eighth of its age, less than a quarter of what lived in it has died.
   */
  #look(region: number): void {
    const { space, cycle, config } = this.#core;
    const before = space.lookedLive[region]!;
    const window = Math.max(config.settleCycles, (cycle - space.bornCycle[region]!) >> 3);
    if (before === SETTLED || cycle - space.fragmentedCycle[region]! < window) return;
    const live = space.used[region]! - space.freed[region]!;
    const dying = config.settleCycles > 0 && (before - live) * 4 > before;
    space.lookedLive[region] = dying ? live : SETTLED;
    space.fragmentedCycle[region] = cycle;
  }

  /** Whether regions are so few that fragmented ones should not be waited for. */
  get pressed(): boolean {
    const core = this.#core;
    const most = core.config.maxBytes / core.config.regionBytes;
    return core.room.availableRegions() < Math.max(2, most * LOW_WATER);
  }

  /** Whether a step would have something to do. */
  wanted(): boolean {
    if (this.#source !== NONE) return true;
    if (this.candidates === 0) return false;
    const pressed = this.pressed;
    return (this.wasteful || pressed) && !this.#isBlocked(pressed);
  }

  /**
   * Whether the last look, in this cycle, found no region fit, or none to copy to. Pressure makes unsettled regions fit and new
   * candidates too: who waited for the next cycle then would find the heap full before.
   */
  #isBlocked(pressed: boolean): boolean {
    if (this.#blockedCycle !== this.#core.cycle) return false;
    return !pressed || (this.#blockedPressed && this.candidates <= this.#blockedCandidates);
  }

  #block(pressed: boolean): void {
    this.#blockedCycle = this.#core.cycle;
    this.#blockedCandidates = this.candidates;
    this.#blockedPressed = pressed;
  }

  /** Evacuates until `deadlineMs`. */
  stepUntil(deadlineMs: number): void {
    if (this.isCopying) return;
    do {
      if (!this.#resume()) {
        const pressed = this.pressed;
        const region = this.#choose(!pressed, 0);
        if (region === NONE || !this.#begin(region)) {
          this.#block(pressed);
          return;
        }
      }
      if (!this.#copyUntil(deadlineMs)) return;
    } while (this.#core.clock.nowMs() < deadlineMs && this.wanted());
  }

  /** Evacuates the fragmented region with least live, whole. @returns false if none could be. */
  evacuateBest(): boolean {
    if (this.isCopying) return false;
    if (!this.#resume()) {
      const region = this.#choose(false, 0);
      if (region === NONE || !this.#begin(region)) return false;
    }
    return this.#copyUntil(Number.POSITIVE_INFINITY);
  }

  /** Evacuates all regions of generation `g` that are fragmented now. */
  evacuateGeneration(g: number): void {
    if (this.isCopying) return;
    if (this.#resume()) this.#copyUntil(Number.POSITIVE_INFINITY);
    for (let tries = this.candidates; tries > 0; tries--) {
      const region = this.#choose(false, g);
      if (region === NONE || !this.#begin(region)) return;
      if (!this.#copyUntil(Number.POSITIVE_INFINITY)) return;
    }
  }

  /** Evacuates `region`, which must be retired, in one go. @returns false if it is pinned or there is no room. */
  evacuateRegion(region: number): boolean {
    const { space } = this.#core;
    if (this.isCopying) return false;
    if (this.#resume() && !this.#copyUntil(Number.POSITIVE_INFINITY)) return false;
    // It was the one half evacuated; it may be in use again.
    if (space.state[region] !== RETIRED && space.state[region] !== FRAGMENTED) return true;
    if ((space.pins[region]! & PIN_MASK) !== 0) return false;
    return this.#begin(region) && this.#copyUntil(Number.POSITIVE_INFINITY);
  }

  /** Whether a source from an earlier step still is one. */
  #resume(): boolean {
    const { space } = this.#core;
    const source = this.#source;
    if (source === NONE) return false;
    if (space.state[source] === SOURCE && space.epoch[source] === this.#sourceEpoch) return true;
    this.#finish();
    return false;
  }

  #choose(onlySettled: boolean, onlyGeneration: number): number {
    const { space, generations } = this.#core;
    let best = NONE;
    let bestLive = Number.POSITIVE_INFINITY;
    for (let r = 0; r < space.top; r++) {
      if (space.state[r] !== FRAGMENTED || (space.pins[r]! & PIN_MASK) !== 0) continue;
      const g = space.generation[r]!;
      if (onlyGeneration !== 0 ? g !== onlyGeneration : generations.liveLimit[g] === 0) continue;
      if (onlySettled && space.lookedLive[r] !== SETTLED) continue;
      const live = space.used[r]! - space.freed[r]!;
      if (live < bestLive) {
        best = r;
        bestLive = live;
      }
    }
    return best;
  }

  #begin(region: number): boolean {
    const { space, generations } = this.#core;
    const g = space.generation[region]!;
    const to = generations.evacuateTo[g]!;
    const live = space.used[region]! - space.freed[region]!;
    const hasRoom = generations.destinationEnd[to]! - generations.destinationTop[to]! >= live;
    // The one that is kept for this may have gone back to the system with its slab.
    if (!hasRoom && space.freeCount === 0 && !this.#core.room.growReserve()) return false;
    if (space.state[region] === FRAGMENTED) this.candidates--;
    space.state[region] = SOURCE;
    space.trip[region] = space.used[region]!;
    this.#source = region;
    this.#sourceEpoch = space.epoch[region]!;
    this.#cursor = region << space.regionShift;
    this.#copiedFromSource = 0;
    return true;
  }

  #finish(): void {
    this.#countFragmented(0, 0);
    this.#source = NONE;
  }

  #copyUntil(deadlineMs: number): boolean {
    this.isCopying = true;
    try {
      return this.#copy(deadlineMs);
    } finally {
      this.isCopying = false;
    }
  }

  /** Copies on from the cursor. @returns whether the source is done with before the deadline. */
  #copy(deadlineMs: number): boolean {
    const core = this.#core;
    const { space, memory, generations } = core;
    const source = this.#source;
    const g = space.generation[source]!;
    const end = (source << space.regionShift) + space.used[source]!;
    let work = 0;
    while (this.#cursor < end) {
      const address = this.#cursor as Address;
      const i32 = memory.i32[address >>> memory.slabShift]!;
      const at = (address & memory.slabMask) << memory.wordShift;
      const units = core.blockUnits(i32[at + 1]!);
      work += 4;
      if (i32[at] !== 0) {
        if (!this.#moveBlock(address, i32, at, units, source, g)) {
          this.#giveUp(source);
          return false;
        }
        work += units;
        if (space.state[source] !== SOURCE || space.epoch[source] !== this.#sourceEpoch) break;
      }
      // Only now: an owner that throws is asked again, or its block would keep the region for ever.
      this.#cursor += units;
      if (work >= this.#workPerLook) {
        work = 0;
        if (core.clock.nowMs() >= deadlineMs) return false;
      }
    }
    generations.regionsEvacuated[g]!++;
    if (channels.evacuate.hasSubscribers) {
      channels.evacuate.publish({
        heap: core.config.name,
        region: source,
        generation: generations.id(g),
        to: generations.id(generations.evacuateTo[g]!),
        bytes: this.#copiedFromSource,
      });
    }
    this.#finish();
    return true;
  }

  /** No room for a block: the rest stays where it is. */
  #giveUp(source: number): void {
    const { space } = this.#core;
    space.state[source] = FRAGMENTED;
    space.fragmentedCycle[source] = this.#core.cycle;
    space.lookedLive[source] = space.used[source]! - space.freed[source]!;
    this.candidates++;
    this.#finish();
  }

  #moveBlock(from: Address, i32: Int32Array, at: number, units: number, source: number, g: number): boolean {
    const core = this.#core;
    const { memory, generations } = core;
    const word0 = i32[at]!;
    const word1 = i32[at + 1]!;
    const owner = word0 < 0 ? core.owners[(word0 >>> OWNER_SHIFT) & 0x7fff] : undefined;
    let to = generations.evacuateTo[g]!;
    if (owner?.relocate !== undefined) {
      const chosen = owner.relocate(from);
      if (chosen === 0) {
        if (word1 < 0) core.lives.noteDeath(from, units, word1, g);
        i32[at] = 0;
        core.addFreed(source, units);
        return true;
      }
      to = generations.movingIndexOf(chosen) || to;
    }
    const address = this.#place(units, to, generations.evacuateTo[g]!);
    if (address === NONE) return false;
    const target = memory.i32[address >>> memory.slabShift]!;
    const words = units << memory.wordShift;
    const targetAt = (address & memory.slabMask) << memory.wordShift;
    if (words > LONG_WORDS) target.set(i32.subarray(at, at + words), targetAt);
    else for (let i = 0; i < words; i++) target[targetAt + i] = i32[at + i]!;
    i32[at] = 0;
    if (word0 > 0) core.handles.move(word0 as Ref, address);
    else core.space.pins[address >>> core.space.regionShift]! |= HAS_OWNED;
    const bytes = units * memory.unitBytes;
    this.#copiedFromSource += bytes;
    generations.bytesEvacuated[g]! += bytes;
    this.#countFragmented(siteIn(word1), bytes);
    core.addFreed(source, units);
    owner?.moved(from, address);
    return true;
  }

  #place(units: number, to: number, fallback: number): Address | typeof NONE {
    const { generations, space } = this.#core;
    const top = generations.destinationTop[to]!;
    if (top + units <= generations.destinationEnd[to]!) {
      generations.destinationTop[to] = top + units;
      return top as Address;
    }
    // The last free region belongs to the target that every block of this source may go to.
    if (space.freeCount < (to === fallback ? 1 : 2)) {
      return to === fallback ? NONE : this.#place(units, fallback, fallback);
    }
    this.#core.retireDestination(to);
    this.#core.openDestination(to);
    generations.destinationTop[to]! += units;
    return (generations.destinationTop[to]! - units) as Address;
  }

  /** Adds to the run of one site; a change of site (or the region's end) tells the policy. */
  #countFragmented(site: number, bytes: number): void {
    const core = this.#core;
    if (site !== this.#site || bytes === 0) {
      if (this.#siteBytes > 0) {
        core.lives.fragmented(this.#site as SiteId, core.space.generation[this.#source]!, this.#siteBytes);
      }
      this.#site = site;
      this.#siteBytes = 0;
    }
    this.#siteBytes += bytes;
  }
}
