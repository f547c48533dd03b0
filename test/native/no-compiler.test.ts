import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
let directory: string;

// A checkout of its own: the addon of this one must stay.
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rolp-no-compiler-'));
  mkdirSync(join(directory, 'native'));
  for (const entry of ['build.mjs', 'binding.gyp', 'src', 'truth']) {
    cpSync(join(root, 'native', entry), join(directory, 'native', entry), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Builds with nothing to be found but these tools. */
function build(tools: readonly string[], ...args: string[]): ReturnType<typeof spawnSync> {
  const bin = mkdtempSync(join(directory, 'bin-'));
  // As under `npm run --silent`, where node-gyp once kept the reason to itself.
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: bin, npm_config_loglevel: 'silent' };
  for (const name of ['CC', 'CXX', 'MAKE', 'PYTHON', 'NODE_GYP_FORCE_PYTHON']) delete env[name];
  for (const tool of tools) {
    if (tool === 'python3') env.PYTHON = pathOf(tool);
    else symlinkSync(pathOf(tool)!, join(bin, tool));
  }
  return spawnSync(process.execPath, [join(directory, 'native/build.mjs'), ...args], {
    encoding: 'utf8',
    env,
    cwd: directory,
  });
}

function pathOf(tool: string): string | undefined {
  // What is called python3 may be a script that looks for Python in PATH.
  if (tool === 'python3') {
    const { status, stdout } = spawnSync(tool, ['-c', 'import sys; print(sys.executable)'], {
      encoding: 'utf8',
    });
    return status === 0 ? stdout.trim() : undefined;
  }
  const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, tool));
  return places.find((place) => existsSync(place));
}

describe.skipIf(process.platform === 'win32')('building the addon where nothing can compile', () => {
  const cases: [missing: string, tools: string[], told: RegExp][] = [
    ['nothing at all', [], /python/i],
    ['Python alone', ['python3'], /make/],
    [
      'Python and make, but no compiler',
      ['python3', 'make', 'sh', 'mkdir', 'rm', 'touch', 'ln', 'cp', 'printf'],
      /No such file|not found/,
    ],
  ];
  for (const [missing, tools, told] of cases) {
    it.skipIf(tools.some((tool) => pathOf(tool) === undefined))(
      `with ${missing} says why, and that the fallback serves, and does not fail`,
      () => {
        const { status, stderr } = build(tools);
        const lines = String(stderr).trimEnd().split('\n');
        expect(lines).toHaveLength(2);
        expect(lines[0]).toMatch(/^native addon not built: ./);
        expect(lines[0]).toMatch(told);
        expect(lines[1]).toMatch(/^rolp will use the fallback sampler/);
        expect(status).toBe(0);
      },
    );
  }

  it('fails when asked to be strict', () => {
    expect(build([], '--strict').status).toBe(1);
  });
});
