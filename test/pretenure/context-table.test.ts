import { describe, expect, it, vi } from 'vitest';
import { ContextTable, NONE } from '../../src/pretenure/context-table.js';
import { NO_FEATURES } from '../../src/pretenure/features.js';
import { Homes } from '../../src/pretenure/homes.js';
import { GenerationLadder } from '../../src/pretenure/ladder.js';
import { PlaceChoice } from '../../src/pretenure/place-choice.js';
import type { PolicyParts } from '../../src/pretenure/policy.js';
import { SiteState } from '../../src/pretenure/site-state.js';
import type { Decision } from '../../src/profiler/inference/index.js';
import { learningHeap } from './helpers.js';

describe('a cookie', () => {
  it('tells the row and how many births its block stands for, until the row is given away', () => {
    const table = new ContextTable(100);
    const rows = Array.from({ length: 40 }, (_, site) => table.add(site, NO_FEATURES, 0));
    for (const row of rows) {
      for (const stride of [1, 2, 8, 256]) {
        const cookie = table.cookieOf(row, stride);
        expect(cookie).toBeGreaterThan(0);
        expect(cookie).toBeLessThan(2 ** 32);
        expect([table.rowOf(cookie), table.strideOf(cookie)]).toEqual([row, stride]);
      }
    }
    const late = table.cookieOf(rows[3]!, 8);
    table.remove([rows[3]!]);
    expect(table.rowOf(late)).toBe(NONE);
    expect(table.add(77, NO_FEATURES, 0)).toBe(rows[3]!);
    expect(table.rowOf(late)).toBe(NONE);
  });
});

describe('a hidden row', () => {
  it('takes the deaths of its blocks, but is found for no birth, also after others have gone', () => {
    const table = new ContextTable(100);
    const [other, row] = [table.add(1, NO_FEATURES, 0), table.add(2, NO_FEATURES, 0)];
    const cookie = table.cookieOf(row);
    table.hide([row]);
    expect(table.find(2, NO_FEATURES)).toBe(NONE);
    table.remove([other]);
    expect(table.find(2, NO_FEATURES)).toBe(NONE);
    expect(table.rowOf(cookie)).toBe(row);
    const next = table.add(2, NO_FEATURES, 0);
    expect(table.find(2, NO_FEATURES)).toBe(next);
    expect(table.rowOf(cookie)).toBe(row);
  });
});

describe('a home', () => {
  it('that is lent again waits no longer for the lifetimes of whoever had it before', () => {
    const { heap } = learningHeap();
    const homes = new Homes(heap);
    const table = new ContextTable(16);
    const home = homes.lend(table);
    const row = table.add(1, NO_FEATURES, 0);
    table.generation[row] = home;
    expect(homes.lend(table)).not.toBe(home);
    heap.configureGeneration(home, { waitCycles: 40 });
    table.remove([row]);
    const configure = vi.spyOn(heap, 'configureGeneration');
    expect(homes.lend(table)).toBe(home);
    expect(configure.mock.calls).toEqual([[home, { waitCycles: 0 }]]);
  });

  it('is not taken from who seems to have less born in it because it rests', () => {
    const { heap } = learningHeap({}, { regionBytes: 2 ** 19 });
    const table = new ContextTable(16);
    const [homes, ladder] = [new Homes(heap), new GenerationLadder(heap)];
    const open = (site: number, births: number): SiteState => {
      const state = new SiteState(site, `site ${site}`, table.add(site, NO_FEATURES, 0), 0);
      for (let i = 0; i < births; i++) table.rows.born(state.base, 0, 64, 1);
      state.futileProbes = 1;
      return state;
    };
    const [resting, awake] = [open(0, 100), open(1, 300)];
    const home = homes.lend(table);
    table.generation[resting.base] = home;
    // There is but one.
    expect(homes.lend(table)).toBe(0);
    const parts = { heap, table, homes, ladder } as unknown as PolicyParts;
    const places = new PlaceChoice(parts, [resting, awake], () => {});
    const decision: Decision = {
      generation: 3,
      confidence: 0.9,
      medianCycles: { value: 3, low: 3, high: 3 },
      conflict: { modes: [], confidence: 0.9 },
      observed: 300,
    };
    resting.resting = true;
    expect(places.placeFor(awake, awake.base, decision, 100)).toBe(3);
    expect(table.generation[resting.base]).toBe(home);
    resting.resting = false;
    expect(places.placeFor(awake, awake.base, decision, 100)).toBe(home);
    expect(table.generation[resting.base]).toBe(0);
  });
});
