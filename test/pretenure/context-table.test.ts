import { describe, expect, it, vi } from 'vitest';
import { ContextTable, NONE } from '../../src/pretenure/context-table.js';
import { NO_FEATURES } from '../../src/pretenure/features.js';
import { Homes } from '../../src/pretenure/homes.js';
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
});
