import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** What the compiler said of benches and workloads; empty where all is well. */
    readonly toolsBuild: string;
  }
}

const SOURCES = ['bench', 'workloads', 'dist', 'tsconfig.json', 'tsconfig.tools.json'];
/** Written by the compiler. */
const STAMP = 'build/tools.tsbuildinfo';

/**
 * Compiles benches and workloads once, before any test, if they have changed: where two test files each did so, and one
 * of them compiled the sources too, a process that a third had just started could read a file half written.
 */
export default function setup(project: TestProject): void {
  const { root } = project.config;
  project.provide('toolsBuild', isUpToDate(root) ? '' : compile(root));
}

function compile(root: string): string {
  const { status, stdout, error } = spawnSync('npx', ['tsc', '-p', 'tsconfig.tools.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) return error?.message ?? stdout;
  // It leaves the file as it is where nothing has changed but times.
  const now = new Date();
  utimesSync(join(root, STAMP), now, now);
  return '';
}

function isUpToDate(root: string): boolean {
  const stamp = join(root, STAMP);
  return existsSync(stamp) && SOURCES.every((source) => newest(join(root, source)) < statSync(stamp).mtimeMs);
}

function newest(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  const within = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  return Math.max(0, ...within);
}
