import type { HeapCore } from './core.js';
import { HeapInvariantError } from './errors.js';
import { GenerationTable } from './generation-table.js';
import { isHumongous, NUMBERED_GENERATIONS, OWNER_SHIFT, POISON, siteIn } from './layout.js';
import { fixedBytes } from './options.js';
import {
  ABSENT,
  CONDEMNED,
  DESTINATION,
  FIXED,
  FRAGMENTED,
  FREE,
  HUMONGOUS,
  HUMONGOUS_REST,
  NEVER,
  NONE,
  OPEN,
  PIN_MASK,
  RETIRED,
  SOURCE,
  UNPOISONED,
  UNTOLD,
} from './region-space.js';
import { SiteTable } from './site-table.js';
import { usedUnits } from './stats.js';

function check(holds: boolean, place: () => string, what: string): void {
  if (!holds) throw new HeapInvariantError(place(), what);
}

/**
 * Walks everything: slabs, regions, lists, blocks, handles, the budget.
 *
 * @throws HeapInvariantError with the place of the first broken invariant.
 */
export function verifyHeap(core: HeapCore): void {
  checkRegions(core);
  checkLists(core);
  checkAllocationRegions(core);
  checkHandles(core, walkBlocks(core));
  checkBudget(core);
}

function checkRegions(core: HeapCore): void {
  const { space } = core;
  const counts = new Array<number>(FIXED + 1).fill(0);
  for (let r = 0; r < space.capacity; r++) {
    const place = (): string => `region ${r}`;
    const state = space.state[r]!;
    counts[state]!++;
    if (state === FIXED) checkFixed(core, r, place);
    if (state === RETIRED || state === FRAGMENTED || state === SOURCE) {
      const live = space.used[r]! - space.freed[r]!;
      const pinned = (space.pins[r]! & PIN_MASK) !== 0;
      check(live > 0 || (live === 0 && pinned), place, `a dead region is still in use (live ${live})`);
      if (state === RETIRED && !pinned) {
        check(space.freed[r]! < space.trip[r]!, place, 'a fragmented region is not marked so');
      } else if (state !== RETIRED) {
        check(space.trip[r] === space.used[r], place, 'the trip of a fragmented region is not its end');
      }
    }
  }
  const place = (): string => 'the region table';
  check(counts[FREE] === space.freeCount, place, `${space.freeCount} free counted, ${counts[FREE]} found`);
  const committed = space.capacity - counts[ABSENT]!;
  check(committed === space.committedCount, place, `${space.committedCount} committed, ${committed} found`);
  const { candidates } = core.evacuator;
  check(counts[FRAGMENTED] === candidates, place, `${candidates} fragmented, ${counts[FRAGMENTED]} found`);
  check(counts[CONDEMNED] === space.condemnedCount, place, 'the count of condemned regions is off');
  for (const slab of space.eachSlab()) {
    let used = 0;
    const start = (slab.first * space.slabBytes) / space.regionBytes;
    for (let r = start; r < start + slab.regions; r++) if (space.state[r]! > FREE) used++;
    check(used === slab.usedRegions, () => `slab ${slab.first}`, `${slab.usedRegions} used, ${used} found`);
  }
}

function checkFixed(core: HeapCore, r: number, place: () => string): void {
  const { space, generations } = core;
  const used = usedUnits(core, r);
  check(generations.isFixed(space.generation[r]!), place, 'it is fixed, but not its generation');
  check(used > 0 && used <= space.regionUnits, place, `${used} units of it are placed`);
  check(space.freed[r] === 0, place, 'blocks have died in a fixed region');
  check(space.trip[r] === NEVER, place, 'a fixed region has a trip');
  check(space.pins[r] === 0, place, 'a fixed region is pinned, or has owners');
}

function checkLists(core: HeapCore): void {
  const { space, generations } = core;
  let listed = 0;
  for (let g = 0; g < generations.count; g++) {
    let before: number = NONE;
    let regions = 0;
    for (let r = generations.head[g]!; r !== NONE; r = space.next[r]!) {
      const at = r;
      const place = (): string => `region ${at} in the list of generation index ${g}`;
      check(space.generation[r] === g, place, `it says generation index ${space.generation[r]}`);
      check(space.prev[r] === before, place, `its predecessor is ${space.prev[r]}, not ${before}`);
      const state = space.state[r]!;
      check(state > FREE && state !== CONDEMNED && state !== HUMONGOUS_REST, place, `its state is ${state}`);
      check(generations.id(g) > 0, place, 'the generation has ended');
      check(
        (state === FIXED) === generations.isFixed(g),
        place,
        `its state is ${state}, its generation's is other`,
      );
      listed++;
      regions += state === HUMONGOUS ? core.humongousRegions(r) : 1;
      before = r;
    }
    const end = before;
    const counted = generations.regions[g]!;
    check(
      counted === regions,
      () => `generation index ${g}`,
      `${counted} regions counted, ${regions} listed`,
    );
    check(generations.tail[g] === end, () => `generation index ${g}`, 'the list ends elsewhere');
  }
  let expected = 0;
  for (let r = 0; r < space.capacity; r++) {
    const state = space.state[r]!;
    if (state > FREE && state !== CONDEMNED && state !== HUMONGOUS_REST) expected++;
  }
  check(listed === expected, () => 'the region lists', `${listed} regions listed, ${expected} in use`);
}

function checkAllocationRegions(core: HeapCore): void {
  const { space, generations } = core;
  let found = 0;
  for (let g = 1; g < generations.count; g++) {
    const ends = [
      [generations.top(g), generations.end(g), generations.isFixed(g) ? FIXED : OPEN],
      [generations.destinationTop[g]!, generations.destinationEnd[g]!, DESTINATION],
    ] as const;
    for (const [top, end, state] of ends) {
      if (end === 0) continue;
      const place = (): string => `the bump pointer of generation index ${g}`;
      const start = end - space.regionUnits;
      const region = start >>> space.regionShift;
      check(start % space.regionUnits === 0, place, `its end ${end} is no region's end`);
      check(top >= start && top <= end, place, `${top} is outside of region ${region}`);
      check(space.state[region] === state, place, `region ${region} is in state ${space.state[region]}`);
      if (state !== FIXED) found++;
    }
  }
  let expected = 0;
  for (let r = 0; r < space.top; r++) {
    if (space.state[r] === OPEN || space.state[r] === DESTINATION) expected++;
  }
  check(
    found === expected,
    () => 'the bump pointers',
    `${found} lead to a region, ${expected} regions are open`,
  );
}

/** Walks the blocks of all regions. @returns the number of live blocks with handles. */
function walkBlocks(core: HeapCore): number {
  const { space } = core;
  let handled = 0;
  for (let r = 0; r < space.top; r++) {
    const state = space.state[r]!;
    if (state === HUMONGOUS) handled += checkHumongous(core, r);
    else if (state > FREE && state !== HUMONGOUS_REST && state !== FIXED) handled += walkRegion(core, r);
  }
  return handled;
}

function checkHumongous(core: HeapCore, r: number): number {
  const { space, memory } = core;
  const address = r << space.regionShift;
  const at = (address & memory.slabMask) << memory.wordShift;
  const i32 = memory.i32[address >>> memory.slabShift]!;
  const place = (): string => `humongous region ${r}`;
  for (let rest = r + 1; rest < r + core.humongousRegions(r); rest++) {
    check(space.state[rest] === HUMONGOUS_REST, place, `its region ${rest} is in state ${space.state[rest]}`);
  }
  check(isHumongous(i32[at + 1]!), place, 'its header has a size');
  if (space.freed[r] === space.used[r]) {
    check((space.pins[r]! & PIN_MASK) !== 0, place, 'it is dead and still in use');
    return 0;
  }
  return checkBlock(core, address, i32[at]!, i32[at + 1]!, place);
}

function walkRegion(core: HeapCore, r: number): number {
  const { space, memory, config } = core;
  const start = r << space.regionShift;
  const end = start + usedUnits(core, r);
  const i32 = memory.i32[start >>> memory.slabShift]!;
  // Blocks that moved away leave their bytes behind, and so does a sweep, until the region as a whole is freed.
  const state = space.state[r]!;
  const poisoned =
    state !== SOURCE && state !== FRAGMENTED && state !== CONDEMNED && (space.pins[r]! & UNPOISONED) === 0;
  let handled = 0;
  let freed = 0;
  let address = start;
  while (address < end) {
    const here = address;
    const place = (): string => `address ${here} (region ${r} + ${here - start} units)`;
    const at = (address & memory.slabMask) << memory.wordShift;
    const word1 = i32[at + 1]!;
    const units = core.blockUnits(word1);
    check(address + units <= end, place, `a block of ${units} units runs past the region's end`);
    if (i32[at] !== 0) handled += checkBlock(core, address, i32[at]!, word1, place);
    else {
      freed += units;
      if (config.debug && poisoned) {
        for (let w = at + 2; w < at + (units << memory.wordShift); w++) {
          check(i32[w] === POISON, place, 'a dead block was written to after its free');
        }
      }
    }
    address += units;
  }
  check(address === end, () => `region ${r}`, `the walk ends at ${address}, not at ${end}`);
  check(freed === space.freed[r], () => `region ${r}`, `${space.freed[r]} units freed, ${freed} found dead`);
  return handled;
}

/** @returns 1 if the live block has a handle, 0 if an owner. */
function checkBlock(
  core: HeapCore,
  address: number,
  word0: number,
  word1: number,
  place: () => string,
): number {
  check(siteIn(word1) < core.sites.count, place, `its site ${siteIn(word1)} is unknown`);
  if (word0 < 0) {
    const owner = (word0 >>> OWNER_SHIFT) & 0x7fff;
    const { space } = core;
    const isForgotten = (space.pins[address >>> space.regionShift]! & UNTOLD) !== 0;
    check(isForgotten || core.owners[owner] !== undefined, place, `its owner ${owner} is not registered`);
    return 0;
  }
  const found = core.handles.lookup(word0);
  check(found === address, place, `the handle of its ref ${word0} leads to ${found}`);
  return 1;
}

function checkHandles(core: HeapCore, handled: number): void {
  const { handles } = core;
  const place = (): string => 'the handle table';
  check(handles.liveCount === handled, place, `${handles.liveCount} live refs, ${handled} live blocks`);
  const seen = new Set<number>();
  handles.eachFree((slot) => {
    check(handles.lookup(slot) < 0, place, `slot ${slot} is in the free queue and in use`);
    check(!seen.has(slot), place, `slot ${slot} is twice in the free queue`);
    seen.add(slot);
  });
}

function checkBudget(core: HeapCore): void {
  const { budget, space, handles, generations, sites, spareArrays, config } = core;
  const grown =
    generations.bytes - GenerationTable.bytesFor(NUMBERED_GENERATIONS) + sites.bytes - SiteTable.firstBytes;
  const sum =
    fixedBytes(config) +
    grown +
    handles.bytes +
    space.committedCount * space.regionBytes +
    budget.reserved +
    spareArrays.bytes;
  const place = (): string => 'the budget';
  check(sum === budget.committed, place, `${budget.committed} bytes committed, ${sum} found`);
  const { unheld, reserved } = budget;
  check(unheld >= 0 && unheld <= reserved, place, `${unheld} of ${reserved} bytes reserved are not held`);
  const used = budget.committed - unheld - space.freeCount * space.regionBytes;
  check(used === budget.used, place, `${budget.used} bytes in use, ${used} found`);
  check(budget.peakUsed >= used, place, `${used} bytes in use, ${budget.peakUsed} at most`);
  check(budget.committed <= budget.max, place, `${budget.committed} bytes committed of ${budget.max}`);
}
