import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepWriting, WriteSchedule } from '../../src/register/write-schedule.js';

const SHARE = 0.0025;

/** The first file takes this many times as long. */
const FIRST = 4;

/** An app that uses `load` of a core, whose files take `fileMs`, over so long. @returns when files began, ms. */
function files(
  options: { periodMs: number; load: number; fileMs: number; forMs: number },
  share: number = SHARE,
): number[] {
  const { periodMs, load, fileMs, forMs } = options;
  const now = { wall: 1000, cpu: 500 };
  const clock = { wallMs: () => now.wall, cpuMs: () => now.cpu };
  const schedule = new WriteSchedule({ periodMs, share: () => share, clock });
  const written: number[] = [];
  while (now.wall < 1000 + forMs) {
    const waitMs = schedule.waitMs();
    if (waitMs > 0) {
      now.wall += waitMs;
      now.cpu += waitMs * load;
      continue;
    }
    written.push(now.wall - 1000);
    const tookMs = written.length === 1 ? FIRST * fileMs : fileMs;
    schedule.run(() => {
      now.wall += tookMs;
      now.cpu += tookMs;
    });
  }
  return written;
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - times[i]!);

describe('the schedule of periodic files', () => {
  it('writes soon after the start, then at growing distances up to the period', () => {
    const times = files({ periodMs: 60_000, load: 1, fileMs: 1, forMs: 300_000 });
    expect(times[0]).toBe(10_000);
    expect(gaps(times).map((gap) => Math.round(gap / 1000))).toEqual([20, 40, 60, 60, 60]);
  });

  it('writes the first after the period where that is shorter', () => {
    expect(files({ periodMs: 500, load: 1, fileMs: 0.1, forMs: 2000 })[0]).toBe(500);
  });

  it('keeps within its share of wall time', () => {
    // 250 ms: what a file of thousands of contexts takes.
    for (const gap of gaps(files({ periodMs: 60_000, load: 1, fileMs: 250, forMs: 1e6 }))) {
      expect(gap).toBeGreaterThanOrEqual(250 / SHARE);
    }
  });

  it('goes by the share of the moment: an app at rest is written more rarely', () => {
    const options = { periodMs: 60_000, load: 1, fileMs: 50, forMs: 2e6 };
    for (const gap of gaps(files(options)).slice(3)) expect(gap).toBeLessThan(61_000);
    for (const gap of gaps(files(options, SHARE / 10))) expect(gap).toBeGreaterThanOrEqual(200_000);
    let share = SHARE;
    let wall = 1000;
    const clock = { wallMs: () => wall, cpuMs: () => wall };
    const schedule = new WriteSchedule({ periodMs: 20_000, share: () => share, clock });
    for (let i = 0; i < 4; i++) {
      wall += schedule.waitMs();
      schedule.run(() => {
        wall += 50;
      });
    }
    expect(schedule.waitMs()).toBe(50 / SHARE);
    share /= 10;
    expect(schedule.waitMs()).toBe(50 / share);
    share *= 10;
    expect(schedule.waitMs()).toBe(50 / SHARE);
  });

  it('asks for no longer wait than a timer can hold, however small its share', () => {
    let wall = 0;
    const clock = { wallMs: () => wall, cpuMs: () => wall };
    const schedule = new WriteSchedule({ periodMs: 60_000, share: () => 1e-9, clock });
    schedule.run(() => {
      wall += 50;
    });
    const longest = 2 ** 31 - 1;
    for (const passed of [0, 1e9, 1e10]) {
      wall += passed;
      expect(schedule.waitMs()).toBeGreaterThan(0);
      expect(Math.ceil(schedule.waitMs())).toBeLessThan(longest);
    }
  });

  it('keeps within its share of CPU time, which an app that idles uses little of', () => {
    const [load, fileMs] = [0.2, 20];
    const some = gaps(files({ periodMs: 10_000, load, fileMs, forMs: 1e6 }));
    expect(some.length).toBeGreaterThan(5);
    for (const gap of some) {
      expect(gap * load).toBeGreaterThanOrEqual(fileMs / SHARE - 1);
      // And no rarer than it must: it looks again when the time should have come.
      expect(gap * load).toBeLessThan((fileMs / SHARE) * 1.3);
    }
  });

  it('writes after ten periods even where hardly any CPU time was used', () => {
    const some = gaps(files({ periodMs: 60_000, load: 1e-5, fileMs: 20, forMs: 4e6 }));
    expect(some.length).toBeGreaterThan(3);
    for (const gap of some) expect(gap).toBeLessThan(601_000);
  });

  it('lets CPU time wait for no file longer than wall time must', () => {
    // Ten periods are 0.5 s, the wall's share of 5 ms is 2 s.
    for (const gap of gaps(files({ periodMs: 50, load: 1e-5, fileMs: 5, forMs: 60_000 }))) {
      expect(gap).toBeGreaterThanOrEqual(5 / SHARE);
    }
  });
});

describe('writing while the app runs', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('ends with one word, and throws nothing, where a look fails', () => {
    vi.useFakeTimers();
    const clock = { wallMs: () => 0, cpuMs: () => 0 };
    const schedule = new WriteSchedule({ periodMs: 1000, share: () => SHARE, clock });
    const told: string[] = [];
    let glances = 0;
    const glance = (): void => {
      if (++glances === 3) throw new Error('broken');
    };
    const failed = ({ message }: Error): void => void told.push(message);
    keepWriting({ schedule, write: () => {}, periodMs: 1000, glance, failed, later: setTimeout });
    vi.advanceTimersByTime(20_000);
    expect([glances, told]).toEqual([3, ['broken']]);
  });

  it('glances every period between files that rest has made rare, and writes soon after it wakes', () => {
    vi.useFakeTimers();
    const [periodMs, restAtMs, wakeAtMs] = [1000, 100_000, 153_500];
    let [wallMs, wokenMs] = [0, 0];
    const clock = { wallMs: () => wallMs, cpuMs: () => wallMs };
    const isAtRest = (): boolean => wallMs >= restAtMs && wokenMs === 0;
    const share = (): number => (isAtRest() ? SHARE / 100 : SHARE);
    const written: number[] = [];
    const schedule = new WriteSchedule({ periodMs, share, clock });
    const write = (): void => {
      written.push(wallMs);
      wallMs += 2;
    };
    const glance = (): void => {
      if (wokenMs === 0 && wallMs >= wakeAtMs) wokenMs = wallMs;
    };
    keepWriting({
      schedule,
      write,
      periodMs,
      glance,
      failed: ({ message }) => expect.unreachable(message),
      later: setTimeout,
    });
    for (let step = 0; step < 200_000; step += 10) {
      wallMs += 10;
      vi.advanceTimersByTime(10);
    }
    expect(written.filter((ms) => ms < restAtMs).length).toBeGreaterThan(50);
    // At rest 2 ms pay for 80 s.
    expect(written.filter((ms) => ms > restAtMs + periodMs && ms < wakeAtMs)).toEqual([]);
    expect(wokenMs - wakeAtMs).toBeLessThanOrEqual(2 * periodMs);
    const next = written.find((ms) => ms > wakeAtMs)!;
    expect(next - wokenMs).toBeLessThanOrEqual(2 * periodMs);
  });
});
