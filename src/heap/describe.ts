import type { HeapCore } from './core.js';
import {
  ABSENT,
  CONDEMNED,
  DESTINATION,
  FIXED,
  FREE,
  HUMONGOUS,
  HUMONGOUS_REST,
  OPEN,
  PIN_MASK,
  SOURCE,
} from './region-space.js';
import { heapStats, usedUnits } from './stats.js';

const LINE = 64;
const LEGEND =
  'one character a region: . free, - no memory, 0-9 live tenths, A allocation region, D evacuation\n' +
  'destination, S evacuation source, F fixed, H humongous (h its rest), x released, P pinned';

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 2 : 0)} MiB`;
}

function glyph(core: HeapCore, region: number): string {
  const { space } = core;
  if ((space.pins[region]! & PIN_MASK) !== 0 && space.state[region]! > FREE) return 'P';
  switch (space.state[region]) {
    case ABSENT:
      return '-';
    case FREE:
      return '.';
    case OPEN:
      return 'A';
    case DESTINATION:
      return 'D';
    case SOURCE:
      return 'S';
    case CONDEMNED:
      return 'x';
    case FIXED:
      return 'F';
    case HUMONGOUS:
      return 'H';
    case HUMONGOUS_REST:
      return 'h';
    default: {
      const live = (usedUnits(core, region) - space.freed[region]!) / space.regionUnits;
      return String(Math.min(9, Math.floor(live * 10)));
    }
  }
}

/** The regions of the heap as text: a summary, a line a generation, a map. */
export function describeRegions(core: HeapCore): string {
  const { space, config } = core;
  const stats = heapStats(core);
  const { bytes } = stats;
  const lines = [
    `${config.name}: ${mib(bytes.live)} live, ${mib(bytes.used)} used, ${mib(bytes.committed)} committed of ` +
      `${mib(bytes.max)}; cycle ${stats.cycle}, ${stats.refs.live} refs`,
    `${stats.regions.inUse} regions of ${space.regionBytes} bytes in use, ${stats.regions.free} free, ` +
      `${stats.regions.fragmented} fragmented, ${stats.regions.condemned} released and unswept`,
  ];
  for (const g of stats.generations) {
    if (g.regions === 0 && g.bytesAllocated === 0) continue;
    lines.push(
      `generation ${g.generation} ${g.fixed ? 'fixed' : `-> ${g.evacuateTo}`}: ${g.regions} regions (${g.fragmentedRegions} fragmented), ` +
        `${mib(g.liveBytes)} live; allocated ${mib(g.bytesAllocated)}, evacuated ${mib(g.bytesEvacuated)}, ` +
        `${g.regionsFreedWhole} regions freed whole, ${g.regionsEvacuated} evacuated`,
    );
  }
  lines.push(LEGEND);
  let row = '';
  for (let region = 0; region < space.top; region++) {
    row += glyph(core, region);
    if (row.length === LINE || region === space.top - 1) {
      lines.push(`${String(region - row.length + 1).padStart(7)} ${row}`);
      row = '';
    }
  }
  return lines.join('\n');
}
