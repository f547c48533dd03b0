import { describe, expect, it } from 'vitest';
import type { Rewrite, SegmentInfo } from '../../workloads/lucene/engine.js';
import { RewriteSchedule } from '../../workloads/lucene/schedule.js';

interface Named extends SegmentInfo {
  readonly name: string;
}

function segment(name: string, level: number, postings: number): Named {
  return { name, level, postings, docs: 1, tokens: 1 };
}

/** Takes as many steps as its inputs have postings. */
class Copying implements Rewrite<Named> {
  readonly inputs: readonly Named[];
  readonly output: Named;
  steps: number;

  constructor(inputs: readonly Named[], level: number) {
    this.inputs = inputs;
    this.steps = inputs.reduce((sum, { postings }) => sum + postings, 0);
    this.output = segment(inputs.map(({ name }) => name).join('+'), level, this.steps);
  }

  step(): boolean {
    return --this.steps <= 0;
  }
}

function finished(schedule: RewriteSchedule<Named>, steps: number): string[] {
  const done: string[] = [];
  for (let i = 0; i < steps; i++) {
    const rewrite = schedule.step(1);
    if (rewrite !== undefined) done.push(rewrite.output.name);
  }
  return done;
}

describe('the schedule of flushes and merges', () => {
  it('lets a large merge wait for smaller ones, and merges for flushes in the order of their buffers', () => {
    const schedule = new RewriteSchedule<Named>();
    schedule.add(new Copying([segment('a', 1, 50), segment('b', 1, 50)], 2));
    expect(finished(schedule, 40)).toEqual([]);
    schedule.add(new Copying([segment('c', 0, 5), segment('d', 0, 5)], 1));
    schedule.add(new Copying([segment('e', -1, 9)], 0));
    schedule.add(new Copying([segment('f', -1, 3)], 0));
    expect(finished(schedule, 82)).toEqual(['e', 'f', 'c+d', 'a+b']);
    expect(schedule.count).toBe(0);
    expect(schedule.step(1)).toBeUndefined();
  });

  it('knows what is being rewritten, and whether any of it is a merge', () => {
    const schedule = new RewriteSchedule<Named>();
    const [a, b, c] = [segment('a', 0, 1), segment('b', 0, 1), segment('c', -1, 2)];
    schedule.add(new Copying([c], 0));
    expect(schedule.hasMerge).toBe(false);
    schedule.add(new Copying([a, b], 1));
    expect(schedule.hasMerge).toBe(true);
    expect([a, b, c].map((s) => schedule.rewrites(s))).toEqual([true, true, true]);
    expect(finished(schedule, 2)).toEqual(['c']);
    expect([a, b, c].map((s) => schedule.rewrites(s))).toEqual([true, true, false]);
    schedule.clear();
    expect([schedule.count, schedule.hasMerge, schedule.rewrites(a)]).toEqual([0, false, false]);
  });
});
