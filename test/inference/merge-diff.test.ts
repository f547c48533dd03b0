import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { diffProfiles, mergeProfiles, type Profile } from '../../src/profiler/index.js';
import { formatDiff } from '../../src/report/index.js';
import { contextFixture, profileFixture } from '../report/profile-fixture.js';

const schema = JSON.parse(readFileSync(new URL('../../docs/profile-schema.json', import.meta.url), 'utf8'));
const validate = new Ajv({ allErrors: true }).compile(schema);
const withIds = (profile: Profile): Profile => ({
  ...profile,
  contexts: profile.contexts.map((context, i) => ({ ...context, id: `${i}`.padStart(12, '0') })),
});
const keeping = (share: number, over: object = {}): Profile =>
  withIds(
    profileFixture({
      contexts: [
        contextFixture('garbage', 2_000_000, 0),
        { ...contextFixture('cached', 1_000_000, share), ...over },
      ],
    }),
  );
const cached = (profile: Profile) => profile.contexts.find(({ frames }) => frames[0]!.function === 'cached')!;

describe('merging profiles', () => {
  it('adds counts by context id and meets the schema', () => {
    const merged = mergeProfiles([keeping(0.9), keeping(0.9), keeping(0.9)]);
    expect(validate(merged), JSON.stringify(validate.errors)).toBe(true);
    expect(merged).toMatchObject({ merged: 3, gc: { scavenges: 30, allocatedBytes: 9_000_000 } });
    expect(merged.contexts).toHaveLength(2);
    expect(cached(merged)).toMatchObject({
      samples: 300,
      allocated: { bytes: 3_000_000 },
      lifetime: { bytes: { p50: { value: 2048 } } },
    });
    expect(cached(merged).survival[1]).toBeCloseTo(3 * cached(keeping(0.9)).survival[1]!, 6);
    expect(merged.gc.pauseMs.scavenge).toMatchObject({ count: 30, sum: 60, p50: null, max: 4.5 });
  });

  it('leaves a single profile as it is and refuses none', () => {
    const one = keeping(0.9);
    expect(mergeProfiles([one])).toBe(one);
    expect(() => mergeProfiles([])).toThrow(RangeError);
  });

  it('decides by votes of samples, less surely where processes differ', () => {
    const decided = (generation: number | null, samples: number) =>
      keeping(0.9, { generation, confidence: 0.99, samples, decidedAt: 1, decidedBy: 'samples' });
    const agreed = cached(mergeProfiles([decided(null, 500), decided(null, 900)]));
    expect(agreed).toMatchObject({ generation: null, decidedBy: 'samples', decidedAt: 1 });
    expect(agreed.confidence).toBeCloseTo(0.99, 6);
    const split = cached(mergeProfiles([decided(null, 500), decided(0, 1500)]));
    expect(split.generation).toBe(0);
    expect(split.confidence).toBeLessThan(0.8);
  });

  it('decides together what no process could alone', () => {
    const alone = (share: number) => keeping(share, { samples: 150 });
    expect(cached(mergeProfiles([alone(0.9), alone(0.9)]))).toMatchObject({ confidence: null, samples: 300 });
    const three = cached(mergeProfiles([alone(0.9), alone(0.9), alone(0.9)]));
    expect(three).toMatchObject({ generation: null, class: 'long', decidedBy: 'samples' });
    expect(three.confidence).toBeGreaterThan(0.99);
    expect(cached(mergeProfiles([alone(0), alone(0), alone(0)]))).toMatchObject({
      generation: 0,
      class: 'young',
    });
  });

  it('keeps what placed contexts are known by, whose lifetimes are a median alone', () => {
    const UNKNOWN = { value: null, low: null, high: null };
    const placedIn = (p50: number | null, samples: number, generation: number | null = 4) => {
      const median = { value: p50, low: p50, high: p50 };
      const clock = { mean: UNKNOWN, p50: median, p90: UNKNOWN, p99: UNKNOWN, horizon: null, beyond: 0 };
      return keeping(0.9, {
        kind: 'placed',
        samples,
        generation,
        confidence: generation === null ? null : 0.9,
        decidedBy: generation === null ? null : 'samples',
        lifetime: { gcCycles: clock, bytes: clock, ms: { ...clock, p50: UNKNOWN } },
        placed: { heap: 'h', site: 's', features: { ttl: `${samples}` }, cycleBytes: 1024, verdict: 'none' },
      });
    };
    const merged = cached(mergeProfiles([placedIn(5000, 100), placedIn(6000, 900)]));
    expect(merged).toMatchObject({ generation: 4, samples: 1000, placed: { features: { ttl: '900' } } });
    expect(merged.lifetime.bytes.p50.value).toBe(6000);
    // Who has not decided yet tells none, however much it has seen: 'longer than was observed' it must not become.
    const early = cached(mergeProfiles([placedIn(null, 40, null), placedIn(5000, 10)]));
    expect(early).toMatchObject({ generation: 4, lifetime: { bytes: { p50: { value: 5000 } } } });
    // V8's own shares do not move with what rolp's heap holds.
    expect(diffProfiles(keeping(0.9), placedIn(1, 100)).total.survivedShare[1]).toBe(0);
  });

  it('mixes lifetimes by objects: the median of a mixture lies between those of its parts', () => {
    const lives = (factor: number) => {
      const { bytes } = cached(keeping(0.9)).lifetime;
      const times = (e: typeof bytes.p50) => ({ ...e, value: e.value && e.value * factor });
      return {
        ...bytes,
        mean: times(bytes.mean),
        p50: times(bytes.p50),
        p90: times(bytes.p90),
        horizon: 1e6,
      };
    };
    const lifetime = (factor: number) => ({ ...cached(keeping(0.9)).lifetime, bytes: lives(factor) });
    const merged = mergeProfiles([
      keeping(0.9, { lifetime: lifetime(1) }),
      keeping(0.9, { lifetime: lifetime(10) }),
    ]);
    const { p50, mean } = cached(merged).lifetime.bytes;
    expect(p50.value).toBeGreaterThan(2048);
    expect(p50.value).toBeLessThan(20_480);
    expect(mean.value).toBeCloseTo((2048 * 11) / 2, 6);
  });
});

describe('the difference of two profiles', () => {
  it('is none between a profile and itself', () => {
    const { rows, total } = diffProfiles(keeping(0.9), keeping(0.9));
    expect(rows).toEqual([]);
    expect(total.changePercent).toBe(0);
    const text = formatDiff(['a', 'b'], { rows, total }, 20, 200);
    expect(text).toContain('No context changed.');
  });

  it('sets run lengths aside', () => {
    const twice = mergeProfiles([keeping(0.9), keeping(0.9)]);
    expect(diffProfiles(keeping(0.9), twice).rows).toEqual([]);
  });

  it('says which contexts let more survive, in per cent of what survived before, and how sure that is', () => {
    const { rows, total } = diffProfiles(keeping(0.4), keeping(0.8));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ before: { class: 'long' }, after: { class: 'long' } });
    expect(rows[0]!.changePercent).toBeCloseTo(100, 6);
    expect(rows[0]!.noisePercent).toBeGreaterThan(10);
    expect(total.changePercent).toBeCloseTo(100, 6);
    expect(formatDiff(['a', 'b'], { rows, total }, 20, 200)).toMatch(/\+100\.0 %.*cached src\/cached\.js:12/);
  });

  it('tells what is new and what is gone', () => {
    const none = { ...keeping(0.9), contexts: keeping(0.9).contexts.slice(0, 1) };
    expect(diffProfiles(none, keeping(0.9)).rows[0]).toMatchObject({ before: null });
    expect(diffProfiles(keeping(0.9), none).rows[0]).toMatchObject({ after: null, changePercent: -100 });
  });
});
