import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, '../../bench/cache/churn.mjs');

describe('churn of mixed sizes', () => {
  // bench/cache runs the same for ten minutes; here it fills the cache ten times over. ROLP_CHURN_SECONDS for more.
  it('does not let the process grow past 1.15 times maxBytes', () => {
    const seconds = process.env.ROLP_CHURN_SECONDS ?? '5';
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', script, '256', seconds], {
      encoding: 'utf8',
      timeout: 280_000,
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.bytesShare).toBeLessThanOrEqual(1);
    expect(result.grownShare).toBeLessThanOrEqual(1.15);
    // It was full, and entries came and went.
    expect(result.liveShare).toBeGreaterThan(0.5);
    expect(result.evictions).toBeGreaterThan(10_000);
  });
});
