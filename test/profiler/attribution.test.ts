import { spawnSync } from 'node:child_process';
import { Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { levelFlags, undoFlags } from '../../src/profiler/attribution.js';
import { watchCoverage } from '../../src/profiler/coverage.js';
import {
  AttributionControl,
  type AttributionLevel,
  type AttributionOptions,
  formatAttribution,
  parseAttribution,
} from '../../src/profiler/index.js';
import type { LevelBoard } from '../../src/profiler/level-board.js';

const NODE_20 = '11.3.244.8-node.38';
const NODE_22 = '12.4.254.21-node.57';
const NODE_24 = '13.6.233.17-node.53';
const NODE_26 = '14.6.202.34-node.34';
const plain = (v8: string) => ({ v8, options: [], compileCache: false });

describe('ROLP_ATTRIBUTION', () => {
  it('takes a level, and a number of GC cycles for sites and calls', () => {
    for (const value of ['off', 'sites', 'calls', 'calls:64', 'sites:1']) {
      expect(formatAttribution(parseAttribution(value))).toBe(value);
    }
    expect(parseAttribution('calls:64')).toEqual({ level: 'calls', cycles: 64 });
  });

  it('is named when it is wrong', () => {
    for (const value of ['', 'on', 'calls:', 'calls:0', 'calls:1.5', 'off:3', 'calls:3:4', 'Calls']) {
      expect(() => parseAttribution(value)).toThrow(/^ROLP_ATTRIBUTION must be/);
    }
  });
});

describe('the flags of a level', () => {
  it('only turn allocation folding off at level off', () => {
    expect(levelFlags('off', plain(NODE_20))).toEqual(['--no-turbo-allocation-folding']);
    expect(levelFlags('off', plain(NODE_24))).toEqual([
      '--no-turbo-allocation-folding',
      '--maglev-allocation-folding=0',
    ]);
  });

  it('are those that the V8 at hand has', () => {
    expect(levelFlags('sites', plain(NODE_20))).toEqual([
      '--no-turbo-allocation-folding',
      '--max-inlined-bytecode-size=27',
    ]);
    expect(levelFlags('sites', plain(NODE_22))).toContain('--max-maglev-inlined-bytecode-size=27');
    expect(levelFlags('calls', plain(NODE_26))).toEqual([
      '--no-turbo-allocation-folding',
      '--maglev-allocation-folding=0',
      '--no-turbo-inlining',
      '--no-maglev-inlining',
    ]);
    expect(levelFlags('calls', plain('15.2.1'))).toEqual([]);
  });

  it('go back to what V8 has by default', () => {
    expect(levelFlags('off', plain(NODE_24), 'sites')).toEqual([
      '--max-inlined-bytecode-size=460',
      '--max-maglev-inlined-bytecode-size=460',
    ]);
    expect(levelFlags('off', plain(NODE_26), 'sites')[1]).toBe('--max-maglev-inlined-bytecode-size=100');
    expect(levelFlags('off', plain(NODE_20), 'calls')).toEqual(['--turbo-inlining']);
    expect(levelFlags('calls', plain(NODE_20), 'sites')).toEqual([
      '--max-inlined-bytecode-size=460',
      '--no-turbo-inlining',
    ]);
  });

  it('leave the user’s own alone', () => {
    const options = ['--max_inlined_bytecode_size=900', '--noturbo-inlining', '--require', 'x'];
    expect(levelFlags('sites', { ...plain(NODE_20), options })).toEqual(['--no-turbo-allocation-folding']);
    expect(levelFlags('calls', { ...plain(NODE_20), options })).toEqual(['--no-turbo-allocation-folding']);
  });

  it('are taken back to what V8 has without them, and no others', () => {
    expect(undoFlags('off', plain(NODE_20))).toEqual(['--turbo-allocation-folding']);
    expect(undoFlags('calls', plain(NODE_24))).toEqual([
      '--turbo-allocation-folding',
      '--maglev-allocation-folding=1',
      '--turbo-inlining',
      '--maglev-inlining',
    ]);
    expect(undoFlags('sites', plain(NODE_26))).toEqual([
      '--turbo-allocation-folding',
      '--maglev-allocation-folding=2',
      '--max-inlined-bytecode-size=460',
      '--max-maglev-inlined-bytecode-size=100',
    ]);
    const options = ['--turbo-allocation-folding', '--no-turbo-inlining'];
    expect(undoFlags('calls', { ...plain(NODE_20), options })).toEqual([]);
    expect(undoFlags('off', { ...plain(NODE_24), compileCache: true })).toEqual([]);
  });

  it('are none at level off with a compile cache, whose entries they would void', () => {
    const cached = { ...plain(NODE_24), compileCache: true };
    expect(levelFlags('off', cached)).toEqual([]);
    expect(levelFlags('calls', cached)).toContain('--no-turbo-allocation-folding');
    expect(levelFlags('calls', cached, 'off')).toContain('--no-turbo-allocation-folding');
    expect(levelFlags('off', cached, 'calls')).toEqual(['--turbo-inlining', '--maglev-inlining']);
  });
});

/** A control whose V8 is a fake: 100 MB of heap, and dropping code takes `msPerMb` for each. */
function fakeControl(over: Partial<AttributionOptions> = {}, msPerMb = 0.5) {
  const state = {
    cycles: 0,
    nowMs: 0,
    heapBytes: 100e6,
    inUse: null as string | null,
    failure: null as Error | null,
    flags: [] as string[],
    levels: [] as AttributionLevel[],
    drops: 0,
  };
  const control = new AttributionControl({
    source: { setLevel: (level) => state.levels.push(level), gcCycles: () => state.cycles },
    clock: { nowMs: () => state.nowMs, unixMs: () => state.nowMs },
    deoptimiser: {
      flags: plain(NODE_24),
      setFlag: (flag) => state.flags.push(flag),
      heapUsedBytes: () => state.heapBytes,
      coverage: {
        inUseBy: () => state.inUse,
        dropOptimisedCode() {
          if (state.failure !== null) throw state.failure;
          state.drops++;
          state.nowMs += (state.heapBytes / 1e6) * msPerMb;
        },
      },
    },
    ...over,
  });
  return { control, state };
}

describe('attribution windows', () => {
  it('a check that throws in its timer is the last, and told in one warning', async () => {
    const warnings: Error[] = [];
    const listener = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listener);
    let asked = 0;
    const gcCycles = (): number => {
      if (++asked > 1) throw new Error('no sampler');
      return 0;
    };
    const { control } = fakeControl({
      source: { setLevel() {}, gcCycles },
      setting: { level: 'calls', cycles: 1 },
    });
    control.watch();
    await expect.poll(() => warnings.length, { timeout: 60_000 }).toBe(1);
    process.off('warning', listener);
    expect(warnings[0]!.message).toContain('no sampler');
    expect(asked).toBe(2);
  });

  it('close by themselves after their GC cycles', () => {
    const { control, state } = fakeControl({ setting: { level: 'calls', cycles: 64 } });
    control.applyFlags();
    expect(state.flags).toContain('--no-turbo-inlining');
    expect(state.drops).toBe(0);
    state.cycles = 2;
    control.watch();
    control.stop();
    state.cycles = 65;
    control.check();
    expect(control.level).toBe('calls');
    state.cycles = 66;
    control.check();
    expect(control.level).toBe('off');
    expect(state).toMatchObject({ levels: ['off'], drops: 1 });
    expect(state.flags.slice(-2)).toEqual(['--turbo-inlining', '--maglev-inlining']);
  });

  it('can be asked for while the app runs', () => {
    const { control, state } = fakeControl();
    expect(control.openWindow('calls', 10)).toEqual({ changed: true, pauseMs: 50 });
    expect(control.level).toBe('calls');
    expect(control.closesAtCycle).toBe(10);
    state.cycles = 10;
    control.check();
    expect(state.levels).toEqual(['calls', 'off']);
    expect(control.closesAtCycle).toBeNull();
    expect(() => control.openWindow('calls', 0)).toThrow(RangeError);
  });

  it('are refused past the predicted pause, and a close that is refused leaves the code as it is', () => {
    const { control, state } = fakeControl({ maxPauseMs: 100 });
    state.heapBytes = 200e6;
    expect(control.openWindow('calls', 5)).toMatchObject({ refused: expect.stringContaining('170 ms') });
    expect(state).toMatchObject({ levels: [], flags: [], drops: 0 });
    state.heapBytes = 50e6;
    control.openWindow('calls', 5);
    const flags = [...state.flags];
    state.heapBytes = 900e6;
    state.cycles = 7;
    control.check();
    expect(control.level).toBe('calls');
    expect(state).toMatchObject({ levels: ['calls'], flags });
    expect(control.notes.map(({ gcCycle }) => gcCycle)).toEqual([0, 7]);
    // It is tried again, ever more seldom, and told once.
    for (let i = 0; i < 50; i++) control.check();
    expect(control.notes).toHaveLength(2);
    state.heapBytes = 50e6;
    for (let i = 0; i < 100; i++) control.check();
    expect(control.level).toBe('off');
  });

  it('close in time, however often the close of one before was refused', () => {
    const { control, state } = fakeControl();
    control.openWindow('calls', 5);
    state.heapBytes = 900e6;
    state.cycles = 5;
    for (let i = 0; i < 600; i++) control.check();
    expect(control.level).toBe('calls');
    state.heapBytes = 50e6;
    expect(control.closeWindow()).toMatchObject({ changed: true });
    control.openWindow('calls', 5);
    state.cycles = 10;
    control.check();
    expect(control.level).toBe('off');
  });

  it('learn the price of a MB from their own pauses', () => {
    const { control, state } = fakeControl({ maxPauseMs: 1000 }, 0.25);
    expect(control.predictedPauseMs()).toBeCloseTo(85);
    control.openWindow('calls', 5);
    expect(control.predictedPauseMs()).toBeCloseTo(55);
    state.heapBytes = 1e6;
    control.closeWindow();
    state.heapBytes = 100e6;
    expect(control.predictedPauseMs()).toBeCloseTo(55);
  });

  it('are refused while anybody takes coverage, and where V8 cannot be asked', () => {
    const { control, state } = fakeControl();
    state.inUse = 'NODE_V8_COVERAGE is set';
    expect(control.openWindow('calls', 5)).toEqual({ refused: 'NODE_V8_COVERAGE is set' });
    state.inUse = null;
    state.failure = new Error('Access to this API has been restricted');
    expect(control.openWindow('calls', 5)).toMatchObject({ refused: expect.stringContaining('restricted') });
    expect(control.level).toBe('off');
    // The flags were put back.
    expect(state.flags.slice(-2)).toEqual(['--turbo-inlining', '--maglev-inlining']);
  });

  it('of the main thread are followed by workers, which set no flags', () => {
    let announced: AttributionLevel = 'calls';
    let change = 1;
    const board: LevelBoard = { follows: true, announce() {}, read: () => ({ level: announced, change }) };
    const { control, state } = fakeControl({ board, setting: { level: 'off', cycles: null } });
    expect(control.level).toBe('calls');
    control.applyFlags();
    control.check();
    expect(state).toMatchObject({ flags: [], drops: 0 });
    [announced, change] = ['off', 2];
    control.check();
    expect(state).toMatchObject({ flags: [], drops: 1, levels: ['off'] });
    expect(control.openWindow('calls', 3)).toMatchObject({ refused: expect.stringContaining('main thread') });
  });
});

describe('coverage', () => {
  it('of the app’s own sessions is noticed while it lasts', () => {
    const coverage = watchCoverage({ Session } as typeof import('node:inspector'));
    const idle = process.env.NODE_V8_COVERAGE ? expect.any(String) : null;
    expect(coverage.inUseBy()).toEqual(idle);
    const session = new Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.startPreciseCoverage');
    expect(coverage.inUseBy()).toMatch(/coverage/i);
    session.post('Profiler.stopPreciseCoverage');
    expect(coverage.inUseBy()).toEqual(idle);
    session.post('Profiler.startPreciseCoverage');
    session.disconnect();
    expect(coverage.inUseBy()).toEqual(idle);
    coverage.dropOptimisedCode();
    expect(coverage.inUseBy()).toEqual(idle);
  });

  it('is a reason to refuse under NODE_V8_COVERAGE', () => {
    const before = process.env.NODE_V8_COVERAGE;
    process.env.NODE_V8_COVERAGE = '/nowhere';
    try {
      expect(watchCoverage(null).inUseBy()).toContain('NODE_V8_COVERAGE');
    } finally {
      if (before === undefined) delete process.env.NODE_V8_COVERAGE;
      else process.env.NODE_V8_COVERAGE = before;
    }
  });
});

describe('on the real V8', () => {
  it('every change of level works, and V8 does not complain of a flag', () => {
    const face = pathToFileURL(new URL('../../dist/profiler/index.js', import.meta.url).pathname).href;
    const program = `
      import { attributionOfThread } from ${JSON.stringify(face)};
      let cycles = 0;
      const control = attributionOfThread({ setLevel() {}, gcCycles: () => cycles });
      control.applyFlags();
      const levels = [];
      for (const change of [
        () => control.openWindow('calls', 3),
        () => control.openWindow('sites', 3),
        () => control.closeWindow(),
      ]) {
        const outcome = change();
        levels.push(outcome.changed === true && control.level);
      }
      console.log(levels.join());
    `;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_V8_COVERAGE: '', NODE_OPTIONS: '' },
    });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe('calls,sites,off\n');
  });
});
