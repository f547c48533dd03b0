/**
 * Builds the addon for one Node: `node native/build.mjs`. Its failure is told and tolerated, since rolp has a
 * fallback sampler; `--strict` makes it an error, `--force` rebuilds what is up to date.
 *
 * Output: native/build/<ABI>/{rolp,rolp_truth}.node, so that several Node versions live side by side.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const addons = ['rolp.node', 'rolp_truth.node'];

/** Where the addons built for `abi` lie. */
export const buildDir = (abi) => join(native, 'build', String(abi));

/**
 * @param {{ execPath?: string, force?: boolean }} options execPath: the Node to build for, the running one by default.
 * @returns {{ abi: string, dir: string, built: boolean } | { failure: string }}
 */
export function build({ execPath = process.execPath, force = false } = {}) {
  const asked = spawnSync(execPath, ['-p', 'process.versions.modules + " " + process.versions.node'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (asked.status !== 0) return { failure: `${execPath} does not run` };
  const [abi, version] = asked.stdout.trim().split(' ');
  const dir = buildDir(abi);
  if (!force && upToDate(dir)) return { abi, dir, built: false };

  // node-gyp writes to `build` beside binding.gyp: each ABI gets its own copy of the sources to build in.
  const work = join(dir, 'work');
  mkdirSync(work, { recursive: true });
  for (const entry of ['binding.gyp', 'src', 'truth']) {
    rmSync(join(work, entry), { recursive: true, force: true });
    cpSync(join(native, entry), join(work, entry), { recursive: true, preserveTimestamps: true });
  }
  const failure = runNodeGyp(execPath, version, abi, work);
  if (failure) return { failure };
  for (const addon of addons) {
    const file = join(work, 'build', 'Release', addon);
    const loaded = spawnSync(execPath, ['-e', 'require(process.argv[1])', file], { encoding: 'utf8' });
    if (loaded.status !== 0) return { failure: `${addon} was built but does not load in ${execPath}` };
    cpSync(file, join(dir, addon));
  }
  rmSync(work, { recursive: true, force: true });
  return { abi, dir, built: true };
}

function runNodeGyp(execPath, version, abi, work) {
  let gyp;
  try {
    gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return 'node-gyp is not installed';
  }
  // npm hands its own `nodedir` setting to scripts in the environment, where it overrides --nodedir: the addon would
  // silently be built for another ABI.
  const headers = headersOf(execPath, version);
  const std = Number(abi) >= 137 ? 'c++20' : 'c++17';
  const args = [
    gyp,
    'rebuild',
    '--loglevel=error',
    `--directory=${work}`,
    `--target=${version}`,
    `--rolp_cxx_std=${std}`,
  ];
  if (headers) args.push(`--nodedir=${headers}`);
  // And its `loglevel`, which under `npm run --silent` would keep the reason of a failure from us.
  const env = { ...process.env, NODE_OPTIONS: '' };
  for (const name of Object.keys(env))
    if (/^npm_config_(nodedir|target|loglevel)$/i.test(name)) delete env[name];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
  if (run.status === 0) return null;
  return (
    reasonIn(`${run.stdout}\n${run.stderr}`) || `node-gyp failed (${run.signal ?? `exit code ${run.status}`})`
  );
}

/** The one line of node-gyp's, make's and the compiler's output that says most. */
function reasonIn(output) {
  const lines = output.split('\n').map((line) => line.trim());
  // node-gyp ends with its own error, which for a failed make or compiler says no more than that it failed.
  const said = lines.find((line) => /: (fatal )?error: |No such file|[nN]ot found/.test(line));
  const thrown = lines.find((line) => line.startsWith('gyp ERR! stack Error: '));
  return (said ?? thrown ?? lines.findLast((line) => line !== '') ?? '')
    .replace(/^gyp ERR! (stack )?(Error: )?/, '')
    .slice(0, 300);
}

/** The headers that came with `execPath`, else those npm is configured with if they are that version's, else none. */
function headersOf(execPath, version) {
  const candidates = [dirname(dirname(resolve(execPath))), process.env.npm_config_nodedir];
  for (const prefix of candidates) {
    if (!prefix) continue;
    const file = join(prefix, 'include', 'node', 'node_version.h');
    if (!existsSync(file)) continue;
    const text = readFileSync(file, 'utf8');
    const number = (name) => text.match(new RegExp(`#define ${name} (\\d+)`))?.[1];
    const found = ['NODE_MAJOR_VERSION', 'NODE_MINOR_VERSION', 'NODE_PATCH_VERSION'].map(number).join('.');
    if (found === version) return prefix;
  }
  return null;
}

function upToDate(dir) {
  const sources = ['binding.gyp', 'build.mjs', 'src', 'truth'].flatMap((entry) =>
    newest(join(native, entry)),
  );
  const newestSource = Math.max(...sources);
  return addons.every((addon) => {
    const file = join(dir, addon);
    return existsSync(file) && statSync(file).mtimeMs >= newestSource;
  });
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return [stat.mtimeMs];
  return readdirSync(path).flatMap((name) => newest(join(path, name)));
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  const flags = process.argv.slice(2);
  const unknown = flags.find((flag) => flag !== '--force' && flag !== '--strict');
  if (unknown) {
    console.error(`${basename(process.argv[1])}: unknown option ${unknown}; there are --force and --strict`);
    process.exit(1);
  }
  const result = build({ force: flags.includes('--force') });
  if ('failure' in result) {
    console.error(`native addon not built: ${result.failure}`);
    console.error(
      'rolp will use the fallback sampler (a C++ compiler, make and Python give the native one).',
    );
    process.exitCode = flags.includes('--strict') ? 1 : 0;
  } else {
    console.log(`native addon for ABI ${result.abi} ${result.built ? 'built' : 'is up to date'}`);
  }
}
