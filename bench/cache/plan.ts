/** What a run of bench/cache consists of: groups of processes that are compared with each other. */
import type { Cell, Mix, ValueKind } from './spec.js';
import { MIXES } from './spec.js';
import { BYTE_VIEWS, MAIN_STORES, OWN_VARIANTS, PEERS } from './stores.js';

export type CaseName = 'closed' | 'open' | 'peers' | 'hits';
export const CASES: readonly CaseName[] = ['closed', 'open', 'peers', 'hits'];

/** Stores that take turns at one cell, in one phase, on one Node. */
export interface Group {
  readonly case: 'closed' | 'open' | 'peers';
  readonly cell: Cell;
  readonly stores: readonly string[];
  readonly mixes: readonly Mix[];
  readonly seconds: number;
  /** Of the run's versions of Node. */
  readonly node: number;
  /** Whether it is decided before others are begun. */
  readonly leads: boolean;
}

export interface PlanOptions {
  readonly cases: readonly CaseName[];
  readonly entries: number;
  readonly scale: 'quick' | 'default' | 'all';
  readonly mixes: readonly Mix[];
  readonly nodes: number;
  readonly stores: readonly string[] | undefined;
}

const OPEN_STORES: readonly string[] = MAIN_STORES;

export function fullCell(entries: number): Cell {
  return { entries, value: 'object', distribution: 'zipfian', keys: 'fresh' };
}

/** The most telling first: a run that is short of time leaves out what comes last. */
export function groupsOf(options: PlanOptions): Group[] {
  const full = fullCell(options.entries);
  const { mixes, scale } = options;
  const seconds = scale === 'quick' ? 0.5 : 0.7;
  const groups: Group[] = [];
  const add = (
    name: Group['case'],
    cell: Cell,
    stores: readonly string[],
    of: readonly Mix[],
    node = 0,
  ): void => {
    if (!options.cases.includes(name)) return;
    const given = options.stores;
    const kept = given === undefined ? stores : stores.filter((store) => given.includes(store));
    const wanted = of.filter((mix) => mixes.includes(mix));
    if (kept.length === 0 || wanted.length === 0) return;
    const length = name === 'open' ? seconds * 3 : seconds;
    const leads = name !== 'peers' && cell === full && node === 0;
    groups.push({ case: name, cell, stores: kept, mixes: wanted, seconds: length, node, leads });
  };
  const openAt = (cell: Cell, node = 0): void => {
    for (const mix of scale === 'quick' ? (['A'] as const) : (['A', 'B'] as const)) {
      add('open', cell, OPEN_STORES, [mix], node);
    }
  };
  const withVariants = [...MAIN_STORES, ...OWN_VARIANTS];
  // From reads to writes, in one process after one load: C must not see what A has left behind.
  const readsFirst = [...MIXES].sort((a, b) => order(a) - order(b));
  add('closed', full, withVariants, readsFirst);
  openAt(full);
  if (scale === 'quick') {
    add('peers', full, ['arena', ...PEERS], readsFirst);
    return groups;
  }
  for (let node = 1; node < options.nodes; node++) add('closed', full, withVariants, readsFirst, node);
  for (const cell of factors(full, scale)) add('closed', cell, MAIN_STORES, ['C', 'B', 'A']);
  add('peers', full, ['arena', ...PEERS], ['C', 'A']);
  const bytes: Cell = { ...full, value: 'buffer', entries: Math.min(full.entries, 100_000) };
  add('peers', bytes, ['arena', ...BYTE_VIEWS, ...PEERS], ['C', 'A']);
  if (scale === 'all') for (let node = 1; node < options.nodes; node++) openAt(full, node);
  return groups;
}

function order(mix: Mix): number {
  return ['C', 'B', 'F', 'A'].indexOf(mix);
}

/** The full cell with one factor changed. */
function factors(full: Cell, scale: 'default' | 'all'): Cell[] {
  const most = scale === 'all' ? 1_000_000 : 250_000;
  return [
    { ...full, entries: 100_000 },
    { ...full, entries: 4_000_000 },
    { ...full, distribution: 'uniform' },
    { ...full, keys: 'interned' },
    { ...full, value: 'string' },
    { ...full, value: 'buffer', entries: Math.min(full.entries, most) },
  ];
}

export function titleOf(cell: Cell): string {
  const count = cell.entries >= 1e6 ? `${cell.entries / 1e6} M` : `${cell.entries / 1000} k`;
  const values: Record<ValueKind, string> = {
    object: 'objects',
    string: '1 KiB strings',
    buffer: '4 KiB buffers',
  };
  return `${count} ${values[cell.value]}, ${cell.distribution}, ${cell.keys} keys`;
}

const LOAD_US: Readonly<Record<ValueKind, number>> = { object: 2.5, string: 3, buffer: 5 };

/**
 * Rounds after which a group without a verdict is looked at again, the time allowing. Few and fixed: who looks after each
 * round sees any verdict sooner or later.
 */
export const MORE_ROUNDS: readonly number[] = [9, 15];

/** A group that was run, and how it stands. */
export interface Standing {
  readonly rounds: number;
  /** Verdicts of its report that are still out. */
  readonly undecided: number;
}

/** Which group gets more rounds next: of those without a verdict one with fewest rounds, the first of them. -1: none. */
export function nextUndecided(standings: readonly Standing[]): number {
  const most = MORE_ROUNDS.at(-1)!;
  let next = -1;
  for (const [i, { rounds, undecided }] of standings.entries()) {
    if (undecided === 0 || rounds >= most) continue;
    if (next === -1 || rounds < standings[next]!.rounds) next = i;
  }
  return next;
}

/** What a process of the group is expected to take, in seconds: from it the run decides what still fits. */
export function secondsOf({ cell, mixes, seconds }: Group): number {
  return 0.5 + (cell.entries * LOAD_US[cell.value]) / 1e6 + mixes.length * (seconds + 0.8);
}
