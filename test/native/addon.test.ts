import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/base/index.js';
import { nativeThreadStore } from '../../src/profiler/index.js';
import { collect, withSource } from './helpers.js';

interface GcAddon {
  recordPauses(capacity: number, nowMs: number): void;
  takePauses(): Float64Array;
  pausesDropped(): number;
  decommit(buffer: ArrayBuffer | SharedArrayBuffer, byteOffset: number, byteLength: number): boolean;
  useHugePages(buffer: ArrayBuffer | SharedArrayBuffer): boolean;
  pageSize(): number;
}
const addon = loadAddon() as unknown as GcAddon;

describe('recordPauses', () => {
  afterEach(() => addon.recordPauses(0, 0));

  it('gives each pause as kind, start, ns, poll ns, heap before and after, on performance.now’s clock', () => {
    const asked = performance.now();
    addon.recordPauses(100, performance.now());
    const before = performance.now();
    // Between the clock's look and the addon's: the machine may have been busy with others.
    const slackMs = before - asked + 0.1;
    collect('minor');
    collect('major');
    const after = performance.now();
    const rows = addon.takePauses();
    const pauses = Array.from({ length: rows.length / 6 }, (_, i) => [...rows.subarray(i * 6, i * 6 + 6)]);
    expect(pauses[0]![0]).toBe(1);
    expect(pauses.at(-1)![0]).toBe(4);
    for (const [, startMs, ns, pollNs, used] of pauses) {
      expect(startMs).toBeGreaterThanOrEqual(before - slackMs);
      expect(startMs! + ns! / 1e6).toBeLessThanOrEqual(after + slackMs);
      expect(ns).toBeGreaterThan(0);
      expect(pollNs).toBe(0);
      expect(used).toBeGreaterThan(1e6);
    }
    expect(addon.takePauses()).toHaveLength(0);
  });

  it('keeps the newest when the ring is full, and says how many it dropped', () => {
    addon.recordPauses(2, performance.now());
    for (let i = 0; i < 4; i++) collect('minor');
    collect('major');
    expect(addon.pausesDropped()).toBeGreaterThanOrEqual(3);
    const rows = addon.takePauses();
    expect(rows).toHaveLength(12);
    expect(rows[6]).toBe(4);
    expect(rows[7]).toBeGreaterThan(rows[1]!);
  });

  it('tells the poll’s share of a pause', () => {
    addon.recordPauses(10, performance.now());
    withSource({ intervalBytes: 1024 }, () => collect('minor'));
    const [kind, , ns, pollNs] = addon.takePauses().subarray(-6);
    expect(kind).toBe(1);
    expect(pollNs).toBeGreaterThan(0);
    expect(pollNs).toBeLessThan(ns!);
  });

  it('refuses takePauses() before it', () => {
    addon.recordPauses(0, 0);
    expect(() => addon.takePauses()).toThrow(/recordPauses/);
  });
});

describe.runIf(process.platform === 'linux')('decommit', () => {
  const page = addon.pageSize();

  it.each([
    ['an ArrayBuffer', () => new ArrayBuffer(16 * 4096 * 16)],
    ['a SharedArrayBuffer', () => new SharedArrayBuffer(16 * 4096 * 16)],
  ])('makes whole pages of %s read as zeros and leaves the rest', (_name, create) => {
    const bytes = new Uint8Array(create()).fill(7);
    expect(addon.decommit(bytes.buffer, 100, 10 * page)).toBe(true);
    const zeros = bytes.filter((byte) => byte === 0).length;
    expect(zeros % page).toBe(0);
    expect(zeros).toBeGreaterThanOrEqual(9 * page);
    expect(bytes[99]).toBe(7);
    expect(bytes[100 + 10 * page]).toBe(7);
    bytes.fill(9);
    expect(bytes.every((byte) => byte === 9)).toBe(true);
  });

  it('does nothing where no whole page lies within', () => {
    const buffer = new ArrayBuffer(1 << 20);
    expect(addon.decommit(buffer, 1, 100)).toBe(false);
  });

  it('refuses what is no buffer or lies outside of it', () => {
    const buffer = new ArrayBuffer(1 << 20);
    expect(() => addon.decommit(buffer, 0, (1 << 20) + 1)).toThrow(/beyond/);
    expect(() => addon.decommit(buffer, -1, 10)).toThrow(/beyond/);
    expect(() => addon.decommit({} as ArrayBuffer, 0, 1)).toThrow(/ArrayBuffer/);
  });
});

describe.runIf(process.platform === 'linux')('useHugePages', () => {
  /** KiB of mappings that may have huge pages, in a process of its own that has run `code`. */
  function advisedKiB(code: string): number {
    const run = `
      const { readFileSync } = await import('node:fs');
      const { GenerationalHeap } = await import('${new URL('../../dist/heap/index.js', import.meta.url).href}');
      const { loadAddon } = await import('${new URL('../../dist/base/index.js', import.meta.url).href}');
      const addon = loadAddon();
      ${code};
      let kib = 0;
      for (const mapping of readFileSync('/proc/self/smaps', 'utf8').split(/(?<=^VmFlags:.*\\n)/m)) {
        if (/^VmFlags:.* hg\\b/m.test(mapping)) kib += Number(/^Size: +(\\d+)/m.exec(mapping)[1]);
      }
      console.log(kib);`;
    return Number(execFileSync(process.execPath, ['--input-type=module', '-e', run], { encoding: 'utf8' }));
  }

  // A kernel without them refuses the advice.
  describe.runIf(existsSync('/sys/kernel/mm/transparent_hugepage'))('on a kernel that has them', () => {
    it('asks for them, and leaves what is there', () => {
      expect(advisedKiB('')).toBe(0);
      const code = `
        const bytes = new Uint8Array(2 ** 23).fill(7);
        if (!addon.useHugePages(bytes.buffer) || !bytes.every((byte) => byte === 7)) process.exit(1)`;
      expect(advisedKiB(code)).toBeGreaterThanOrEqual(2 ** 13 - 8);
      expect(addon.useHugePages(new SharedArrayBuffer(2 ** 23))).toBe(true);
    });

    it('is what heaps do when told to', () => {
      const heap = (options: string): string =>
        `const heap = new GenerationalHeap({ maxBytes: 2 ** 28, ${options} }); heap.allocate(100)`;
      expect(advisedKiB(heap('hugePages: true'))).toBeGreaterThanOrEqual(2 ** 12 - 8);
      expect(advisedKiB(heap(''))).toBe(0);
    });
  });

  it('does nothing where no whole page lies within, and refuses what is no buffer', () => {
    expect(addon.useHugePages(new ArrayBuffer(8))).toBe(false);
    expect(() => addon.useHugePages({} as ArrayBuffer)).toThrow(/ArrayBuffer/);
  });
});

describe('nativeThreadStore', () => {
  it('lists this thread, reads it without a poll, and knows what was written', () => {
    const store = nativeThreadStore();
    withSource({ intervalBytes: 1024 }, (source) => {
      collect('minor');
      const key = source.key!;
      const row = () => store.threads().find((thread) => thread.key === key)!;
      expect(row()).toMatchObject({ ended: false, written: false });
      const { polls } = source.read();
      expect(store.read(key)!.polls).toBe(polls);
      expect(row()).toMatchObject({ polls, samples: store.read(key)!.samples, files: 0, fileNs: 0 });
      store.countFile(key, 12_345);
      store.countFile(key, 5);
      expect(row()).toMatchObject({ files: 2, fileNs: 12_350 });
      expect(source.read()).toMatchObject({ files: 2, fileNs: 12_350 });
      store.markWritten(key);
      expect(row().written).toBe(true);
      const { version } = row();
      collect('minor');
      expect(row().written).toBe(false);
      expect(row().version).toBeGreaterThan(version);
      store.markWritten(key, true);
      collect('minor');
      expect(row().written).toBe(true);
      store.forget(key);
      expect(row()).toBeUndefined();
      expect(store.read(key)).toBeNull();
      expect(() => source.read()).toThrow(/forgotten/);
    });
  });
});
