import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, 'zero-garbage.mjs');

function run(flags: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout + stderr;
}

describe('allocate and free', () => {
  it('leave no garbage: ten million pairs, no scavenge, the JS heap not 1 MB larger', () => {
    // --trace-gc writes to stdout and the marks go to stderr: with both in one pipe their order holds.
    const { stdout } = spawnSync(
      'sh',
      ['-c', `exec "${process.execPath}" --expose-gc --trace-gc --no-turbo-inlining "${script}" 2>&1`],
      { encoding: 'utf8' },
    );
    const lines = stdout.split('\n');
    const between = lines.slice(lines.indexOf('BEGIN') + 1, lines.indexOf('END'));
    expect(lines).toContain('END');
    expect(between.filter((line) => /Scavenge|Mark-Compact/.test(line))).toEqual([]);
    const grown = Number(/GROWN (-?\d+)/.exec(stdout)![1]);
    expect(grown).toBeLessThan(1_000_000);
  });

  it('stay small enough for V8 to inline them', () => {
    for (const name of ['allocate', 'free']) {
      const out = run(['--expose-gc', '--print-bytecode', `--print-bytecode-filter=${name}`]);
      const lengths = [...out.matchAll(/Bytecode length: (\d+)/g)].map(([, length]) => Number(length));
      expect(lengths.length, name).toBeGreaterThan(0);
      expect(Math.max(...lengths), name).toBeLessThanOrEqual(460);
    }
  });
});
