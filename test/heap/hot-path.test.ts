import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, 'zero-garbage.mjs');

/** Bytes of bytecode of the heap's function `name`. */
function bytecodeLength(name: string): number {
  const code = `import { GenerationalHeap } from ${JSON.stringify(join(script, '../../../dist/heap/index.js'))};
    const heap = new GenerationalHeap();
    heap.free(heap.allocate(8));
    heap.allocateOwned(heap.registerOwner({ moved() {} }), 8, 1);
    heap.place(8, heap.newGeneration({ fixed: true }));`;
  const flags = ['--print-bytecode', `--print-bytecode-filter=${name}`, '--input-type=module', '-e', code];
  const { stdout, stderr, status } = spawnSync(process.execPath, flags, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  const lengths = [...stdout.matchAll(/Bytecode length: (\d+)/g)].map(([, length]) => Number(length));
  expect(lengths.length, name).toBeGreaterThan(0);
  return Math.max(...lengths);
}

describe('allocate and free', () => {
  it('leave no garbage: ten million pairs, no scavenge, the JS heap not 1 MB larger', () => {
    const most = 1_000_000;
    const flags = ['--expose-gc', '--no-turbo-inlining'];
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, script, `${most}`], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const { rounds, slabs } = JSON.parse(stdout);
    expect(slabs).toBe(0);
    // The last round is the first that was clean, if any was.
    expect(rounds.at(-1).collections, stdout).toBe(0);
    expect(rounds.at(-1).grown, stdout).toBeLessThan(most);
  });

  it('are small enough for V8 to inline a pair into one caller', () => {
    const allocate = bytecodeLength('allocate');
    const free = bytecodeLength('free');
    const owned = bytecodeLength('allocateOwned');
    const place = bytecodeLength('place');
    for (const length of [allocate, free, owned, place]) expect(length).toBeLessThanOrEqual(460);
    // V8's limits: 460 a call; 920 in one function, of which the last call must leave a fifth of its own.
    expect(Math.min(free + 1.2 * allocate, allocate + 1.2 * free)).toBeLessThanOrEqual(900);
  });
});
