/**
 * `npm run bench:check`: what of the bench can be asserted on any machine, in a minute. Every variant of every
 * workload, small, must give the same answers, and the harness must bring a run to its end. No time is looked at.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ProcessResult } from './spec.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
/** So low that any machine keeps up, or nearly: whether it does is not asked. */
const SMALL = ['--quick', '--heap-mb', '8', '--seconds', '1', '--rate', '500'];
const VARIANTS = 'heap,lru-cache,map-of-buffers,minisearch,typed,single,auto,arena-refs,arena,floor';

const out = mkdtempSync(join(tmpdir(), 'rolp-bench-check-'));
try {
  const { stdout } = await promisify(execFile)(process.execPath, [
    MAIN,
    'all',
    ...SMALL,
    '--variants',
    VARIANTS,
    '--out',
    out,
  ]).catch((error: Error & { code?: number; stdout: string }) => {
    // 1 may also tell of a backlog, which a busy machine is allowed.
    if (error.code === 1) return error;
    throw error;
  });
  process.exitCode = complaints(stdout, results()).length > 0 ? 1 : 0;
} finally {
  rmSync(out, { recursive: true, force: true });
}

function results(): ProcessResult[] {
  const lines = readFileSync(join(out, 'runs.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as ProcessResult);
}

/** Says what is wrong, and what was looked at. */
function complaints(stdout: string, all: readonly ProcessResult[]): string[] {
  const wrong = stdout.split('\n').filter((line) => line.startsWith('ANSWERS DIFFER'));
  for (const workload of ['lucene', 'cassandra', 'graphchi']) {
    const own = all.filter(({ spec }) => spec.workload === workload);
    const variants = new Set(own.map(({ spec }) => spec.variant));
    for (const variant of ['heap', 'typed', 'single', 'auto', 'arena-refs', 'arena', 'floor']) {
      if (!variants.has(variant)) wrong.push(`${workload}: ${variant} did not run`);
    }
    const compared = own.filter(({ checksums }) => checksums.length > 0).length;
    if (compared < own.length) wrong.push(`${workload}: ${own.length - compared} runs answered nothing`);
    console.log(`${workload}: ${own.length} processes of ${variants.size} variants, checksums compared`);
  }
  for (const sentence of wrong) console.error(sentence);
  return wrong;
}
