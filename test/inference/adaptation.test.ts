import { describe, expect, it } from 'vitest';
import { Adaptation, type Profile, type ProfileContext } from '../../src/profiler/index.js';
import { aggregates } from '../profiler/aggregates-fixture.js';
import { contextFixture, profileFixture } from '../report/profile-fixture.js';

const decided = (over: Partial<ProfileContext> = {}): ProfileContext => ({
  ...contextFixture('f', 1_000_000, 0.9),
  generation: null,
  confidence: 0.99,
  decidedBy: 'samples',
  decidedAt: 1,
  ...over,
});
const CONFLICT: ProfileContext['conflict'] = {
  resolution: 'window',
  reason: 'r',
  command: 'c',
  modes: [
    { weight: 0.5, class: 'young', medianGcCycles: 1 },
    { weight: 0.5, class: 'long', medianGcCycles: null },
  ],
};

/** One look after another, 20 GC cycles apart. */
class Scene {
  readonly budgets: number[] = [];
  readonly asked: string[] = [];
  level: 'off' | 'calls' = 'off';
  refuse = false;
  readonly adaptation: Adaptation;
  #cycles = 0;
  #pauses = { count: 0, ns: 0, nsSquared: 0 };

  constructor(budgetPercent = 1, maxWindows = 1) {
    const scene = this;
    const change = (to: 'off' | 'calls') => () => {
      scene.asked.push(to);
      if (scene.refuse) return { refused: 'too long' };
      scene.level = to;
      return { changed: true as const, pauseMs: 1 };
    };
    this.adaptation = new Adaptation({
      source: { setBudget: (percent) => this.budgets.push(percent), pauseSums: () => ({ ...this.#pauses }) },
      attribution: {
        get level() {
          return scene.level;
        },
        openWindow: change('calls'),
        closeWindow: change('off'),
      },
      budgetPercent,
      maxWindows,
    });
  }

  look(contexts: readonly ProfileContext[], meanNs = 1e6, cycles = 20): void {
    this.pause(...Array.from({ length: cycles }, () => meanNs));
    const profile: Profile = profileFixture({ contexts });
    this.adaptation.look(profile, aggregates([], { gcCycles: this.#cycles }));
  }

  /** GC cycles with pauses of these ns. */
  pause(...allNs: readonly number[]): void {
    for (const ns of allNs) {
      this.#cycles++;
      this.#pauses.count++;
      this.#pauses.ns += ns;
      this.#pauses.nsSquared += ns * ns;
    }
  }

  rest(): void {
    for (let i = 0; i < 3; i++) this.look([decided()]);
    expect(this.adaptation.resting).toBe(true);
  }
}

describe('survivor tracking', () => {
  it('rests once decisions are stable, and wakes when the mean pause grows by a tenth', () => {
    const scene = new Scene();
    for (let i = 0; i < 3; i++) scene.look([decided()]);
    expect(scene.adaptation.resting).toBe(true);
    expect(scene.budgets).toEqual([0.1]);
    expect(scene.adaptation.budgetPart).toBe(0.1);
    scene.look([decided()], 1.08e6);
    expect(scene.budgets).toEqual([0.1]);
    scene.look([decided()], 1.3e6);
    expect(scene.adaptation.resting).toBe(false);
    expect(scene.budgets).toEqual([0.1, 1]);
    expect(scene.adaptation.budgetPart).toBe(1);
  });

  it('does not rest while decisions change or there are none, nor where every GC was asked for', () => {
    const changing = new Scene();
    for (let i = 0; i < 6; i++) changing.look([decided({ generation: i % 2 === 0 ? 0 : null })]);
    expect(changing.budgets).toEqual([]);
    const none = new Scene();
    for (let i = 0; i < 6; i++) none.look([decided({ decidedBy: null, confidence: null })]);
    expect(none.budgets).toEqual([]);
    const all = new Scene(0);
    for (let i = 0; i < 6; i++) all.look([decided()]);
    expect(all.budgets).toEqual([]);
  });

  it('rests though a decision at the border goes now one way, now the other', () => {
    const scene = new Scene();
    const border = (generation: 0 | null) => decided({ id: 'border', generation, confidence: 0.6 });
    for (const generation of [0, null, 0] as const) scene.look([decided(), border(generation)]);
    expect(scene.adaptation.resting).toBe(true);
  });

  it('passes over looks closer together than a window of inference', () => {
    const scene = new Scene();
    for (let i = 0; i < 30; i++) scene.look([decided()], 1e6, 1);
    expect(scene.budgets).toEqual([]);
  });

  it('wakes at a glance at the pauses alone', () => {
    const scene = new Scene();
    scene.rest();
    scene.adaptation.glance();
    scene.pause(...Array.from({ length: 20 }, () => 1.3e6));
    expect(scene.adaptation.resting).toBe(true);
    scene.adaptation.glance();
    expect(scene.adaptation.resting).toBe(false);
    expect(scene.budgets).toEqual([0.1, 1]);
    // Awake, glances do nothing: they must not take the pauses from the next look.
    scene.pause(...Array.from({ length: 20 }, () => 9e6));
    scene.adaptation.glance();
    expect(scene.budgets).toEqual([0.1, 1]);
  });

  it('adds pauses up over glances until there are enough to tell', () => {
    const scene = new Scene();
    scene.rest();
    for (let i = 0; i < 7; i++) {
      scene.pause(1.5e6);
      scene.adaptation.glance();
      expect(scene.adaptation.resting).toBe(true);
    }
    scene.pause(1.5e6);
    scene.adaptation.glance();
    expect(scene.adaptation.resting).toBe(false);
  });

  it('is woken by no change that the spread of pauses explains', () => {
    const scene = new Scene();
    scene.rest();
    // A mean of 1.5 ms, but of two that differ by twenty.
    scene.pause(...Array.from({ length: 18 }, (_, i) => (i < 2 ? 9e6 : 0.5e6)));
    scene.adaptation.glance();
    expect(scene.adaptation.resting).toBe(true);
    scene.pause(...Array.from({ length: 18 }, () => 1.4e6));
    scene.adaptation.glance();
    expect(scene.adaptation.resting).toBe(false);
  });
});

describe('a conflict that a window may resolve', () => {
  it('opens one by itself, once, and closes it when decisions are stable', () => {
    const scene = new Scene();
    scene.look([decided({ conflict: CONFLICT })]);
    expect(scene.asked).toEqual(['calls']);
    for (let i = 0; i < 3; i++) scene.look([decided()]);
    expect(scene.asked).toEqual(['calls', 'off']);
    expect(scene.level).toBe('off');
    for (let i = 0; i < 5; i++) scene.look([decided({ conflict: CONFLICT })]);
    expect(scene.asked).toEqual(['calls', 'off']);
  });

  it('opens none where none is allowed, where it concerns little, or where nothing can resolve it', () => {
    const none = new Scene(1, 0);
    none.look([decided({ conflict: CONFLICT })]);
    const little = new Scene();
    little.look([decided(), decided({ conflict: CONFLICT, allocated: { objects: 10, bytes: 100 } })]);
    const hopeless = new Scene();
    hopeless.look([decided({ conflict: { ...CONFLICT!, resolution: 'unresolvable', command: null } })]);
    expect([none.asked, little.asked, hopeless.asked]).toEqual([[], [], []]);
  });

  it('is weighed among what V8 keeps, whatever rolp’s own heaps hold', () => {
    const scene = new Scene();
    const placed = decided({ id: 'p', kind: 'placed', allocated: { objects: 1e9, bytes: 1e11 } });
    scene.look([decided({ conflict: CONFLICT }), placed]);
    expect(scene.asked).toEqual(['calls']);
  });

  it('is not asked for again once it was refused', () => {
    const scene = new Scene();
    scene.refuse = true;
    for (let i = 0; i < 5; i++) scene.look([decided({ conflict: CONFLICT })]);
    expect(scene.asked).toEqual(['calls']);
  });
});
