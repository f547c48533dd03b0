import { pretenure } from 'rolp/pretenure';
import { ARENA, ARENA_REFS, type Placement, SINGLE } from './placement.js';

/** As `single`, block by block and with no generation named, but rolp learns from births and deaths where they go. */
const AUTO: Placement = {
  name: 'auto',
  releasesGroups: false,
  prepare: (heap) => void pretenure(heap),
  open: () => undefined,
};

/** The placements by name: the variants of a workload that lie in rolp's heap. */
export const PLACEMENTS: Readonly<Record<'single' | 'auto' | 'arena-refs' | 'arena', Placement>> = {
  single: SINGLE,
  auto: AUTO,
  'arena-refs': ARENA_REFS,
  arena: ARENA,
};
