import { describe, expect, it } from 'vitest';
import { fullCell, type Group, nextUndecided } from '../../bench/cache/plan.js';
import {
  type ByStore,
  linesOf,
  reportClosed,
  reportGrowth,
  reportOpen,
  reportPeers,
  undecidedOf,
} from '../../bench/cache/report.js';
import type { Sample } from '../../bench/cache/spec.js';

const ROUNDS = 5;

function group(name: Group['case'], mixes: Group['mixes'], stores: readonly string[]): Group {
  return { case: name, cell: fullCell(1e6), stores, mixes, seconds: 1, node: 0, leads: true };
}

/** Rounds of a store whose figure is that, and differs a little from round to round. */
function samples(figure: (round: number) => Sample): Sample[] {
  return Array.from({ length: ROUNDS }, (_, round) => figure(round));
}

/** Throughput so many times that of lru-cache, from the one to the other. */
function closed(from: number, to: number): ByStore {
  const store = (speed: (round: number) => number, rssMiB: number, worstPauseMs: number): Sample[] =>
    samples((round) => ({
      'C.opsPerSecond': 1e6 * speed(round),
      'C.rssMiB': rssMiB,
      'C.worstPauseMs': worstPauseMs,
      'C.pauseMs': worstPauseMs,
    }));
  return {
    'lru-cache': store(() => 1, 1000, 100),
    arena: store((round) => from + ((to - from) * round) / (ROUNDS - 1), 300, 1),
  };
}

describe('a report of the cache’s bench', () => {
  it('says what is undecided beside what it prints', () => {
    const report = reportClosed(group('closed', ['C'], ['lru-cache', 'arena']), closed(0.875, 1.25));
    const verdicts = report.filter((line) => typeof line !== 'string');
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['undecided', 'met', 'met']);
    expect(verdicts[0]).toMatchObject({ want: 'at least', target: 1, figure: { low: 0.875, high: 1.25 } });
    expect(undecidedOf(report)).toBe(1);
    expect(linesOf(report).filter((line) => line.startsWith('undecided'))).toEqual([
      'undecided    C throughput, arena / lru-cache: 1.06 [0.875, 1.25] with 93 %, at least 1',
    ]);
  });

  it('is not misled by text, nor by verdicts that are in', () => {
    expect(undecidedOf(['undecided', 'undecided  of old'])).toBe(0);
    for (const [from, to] of [
      [1.125, 1.25],
      [0.5, 0.875],
    ] as const) {
      const report = reportClosed(group('closed', ['C'], ['lru-cache', 'arena']), closed(from, to));
      expect(undecidedOf(report)).toBe(0);
      expect(nextUndecided([{ rounds: ROUNDS, undecided: undecidedOf(report) }])).toBe(-1);
    }
  });

  it('counts the verdicts of each case', () => {
    const open = (p999Us: (round: number) => number): Sample[] =>
      samples((round) => ({ p50Us: 1, p99Us: 2, p999Us: p999Us(round), maxUs: 9, worstPauseMs: 1 }));
    const openly = {
      'lru-cache': open(() => 1000),
      arena: open((round) => 100 + 50 * round),
      floor: open(() => 90),
    };
    expect(undecidedOf(reportOpen(group('open', ['A'], []), 1e6, openly))).toBe(1);

    const peer = (speed: (round: number) => number): Sample[] =>
      samples((round) => ({
        'C.opsPerSecond': speed(round),
        'C.rssMiB': 1,
        'C.worstPauseMs': 1,
        'C.pauseMs': 1,
      }));
    const peers = {
      arena: peer((round) => 1000 + 300 * round),
      lmdb: peer(() => 1000),
      'map-of-buffers': peer(() => 500),
      'quick-lru': peer(() => 1000),
    };
    // What keeps objects on V8's heap is told beside, without a verdict.
    expect(undecidedOf(reportPeers(group('peers', ['C'], []), peers))).toBe(1);

    const pauses = (ms: (round: number) => number): ByStore => ({
      arena: samples((round) => ({ 'C.worstPauseMs': ms(round) })),
    });
    const grown = (to: (round: number) => number): number =>
      undecidedOf(
        reportGrowth(
          pauses(() => 1),
          pauses(to),
          ['C'],
        ),
      );
    expect([grown(() => 1), grown((round) => 1 + 0.2 * round), grown(() => 2)]).toEqual([0, 1, 0]);
  });

  it('compares views of bytes with views, and copies with copies', () => {
    const at = (speed: number): Sample[] => samples(() => ({ 'C.opsPerSecond': speed * 1e6 }));
    const results = { arena: at(1), 'arena-view': at(4), lmdb: at(0.5), 'lmdb-view': at(1) };
    const text = linesOf(reportPeers(group('peers', ['C'], []), results)).join('\n');
    expect(text).toMatch(/arena-view \/ lmdb-view: 4\.00/);
    expect(text).toMatch(/arena \/ lmdb: 2\.00/);
    expect(text).not.toMatch(/arena \/ lmdb-view|arena \/ arena-view|arena-view \/ lmdb:/);
  });
});
