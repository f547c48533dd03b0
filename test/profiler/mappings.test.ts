import { encodedMappings, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mappings } from '../../src/profiler/mappings.js';

type Segment = [number] | [number, number, number, number] | [number, number, number, number, number];

const place = fc.tuple(fc.nat(3), fc.nat(40_000), fc.nat(70_000));
const segment = fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.option(place), fc.boolean());
/** Lines of segments with ascending columns. */
const lines = fc.array(fc.array(segment, { maxLength: 40 }), { minLength: 1, maxLength: 12 }).map((all) =>
  all.map((line) => {
    let column = -1;
    return line.map(([step, to, isNamed]): Segment => {
      column += step;
      if (to === null) return [column];
      return isNamed ? [column, ...to, 1] : [column, ...to];
    });
  }),
);
const sources = ['a', 'b', 'c', 'd'];

function mapOf(mappings: Segment[][]): TraceMap {
  return new TraceMap({ version: 3, sources, names: ['f', 'g'], mappings });
}

/** What a decoded map says: at or before, else after. */
function decoded(map: TraceMap, line: number, column: number): unknown {
  const needle = { line: line + 1, column };
  let found = originalPositionFor(map, needle);
  if (found.source === null) found = originalPositionFor(map, { ...needle, bias: -1 });
  return found.source === null
    ? null
    : { source: sources.indexOf(found.source), line: found.line - 1, column: found.column };
}

describe('mappings read where they lie', () => {
  it('say what decoded ones do, in whatever order they are asked', () => {
    fc.assert(
      fc.property(
        lines,
        fc.array(fc.tuple(fc.nat(13), fc.nat(100_000)), { maxLength: 30 }),
        (all, places) => {
          const map = mapOf(all);
          const mappings = new Mappings(encodedMappings(map));
          const edges = all.flatMap((line, i) =>
            line.flatMap(([column]) =>
              [column - 1, column, column + 1].map((at): [number, number] => [i, at]),
            ),
          );
          for (const [line, column] of [...places, ...edges.reverse()]) {
            if (column < 0) continue;
            expect(mappings.find(line, column)).toEqual(decoded(map, line, column));
          }
        },
      ),
    );
  });

  it('go on from marks within the one long line of a bundle', () => {
    const one = Array.from(
      { length: 20_000 },
      (_, i): Segment => (i % 7 === 0 ? [i * 3] : [i * 3, i % 4, i, i % 90]),
    );
    const map = mapOf([[], one, [[0, 0, 1, 1]]]);
    const mappings = new Mappings(encodedMappings(map));
    for (let column = 59_999; column > 0; column -= 97) {
      expect(mappings.find(1, column)).toEqual(decoded(map, 1, column));
      expect(mappings.find(1, 59_999 - column)).toEqual(decoded(map, 1, 59_999 - column));
    }
    expect(mappings.find(2, 5)).toEqual({ source: 0, line: 1, column: 1 });
  });

  it('that are none give no place', () => {
    for (const text of ['', ';;;', ',,', 'g', '!?\u00e4', 'gggggggggggggggggggg;gg,']) {
      expect(new Mappings(text).find(0, 3)).toBeNull();
      expect(new Mappings(text).find(9, 0)).toBeNull();
    }
  });
});
