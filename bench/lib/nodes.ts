import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Node to run the bench's processes with. */
export interface NodeBinary {
  /** As results name it: 'v24.21.0'. */
  readonly version: string;
  readonly path: string;
}

/**
 * Finds a Node by major ('24') or path. A major other than the running one's comes from the npm package of its
 * platform, installed once into `folder`. The addon is built for it: without, pauses would be timed by other means than on
 * the running Node, and the heap could give no memory back.
 *
 * @throws Error that names what was asked for.
 */
export async function resolveNode(asked: string, folder: string): Promise<NodeBinary> {
  const path = /^\d+$/.test(asked) ? await binaryOfMajor(asked, folder) : resolve(asked);
  if (!existsSync(path)) throw new Error(`--node: there is no ${path}`);
  const { stdout } = await run(path, ['--version']).catch((error: Error) => {
    throw new Error(`--node: ${asked} does not run: ${error.message.split('\n', 1)[0]}`);
  });
  const version = stdout.trim();
  const failure = path === process.execPath ? undefined : await buildAddon(path);
  // Borne: rolp works without.
  if (failure !== undefined) console.error(`the addon was not built for Node ${version}: ${failure}`);
  return { version, path };
}

/** Builds the addon for the Node at `path`, if it is not up to date. @returns why it could not. */
export async function buildAddon(path: string): Promise<string | undefined> {
  const script = new URL('../../../native/build.mjs', import.meta.url);
  const { build } = (await import(script.href)) as {
    build(options: { execPath: string }): { failure?: string };
  };
  return build({ execPath: path }).failure;
}

async function binaryOfMajor(major: string, folder: string): Promise<string> {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  const prefix = resolve(folder, major);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = join(prefix, 'node_modules', name, 'bin/node');
  if (!existsSync(binary)) {
    mkdirSync(prefix, { recursive: true });
    await run('npm', ['install', '--no-save', '--prefix', prefix, `${name}@${major}`]).catch(
      (error: Error) => {
        throw new Error(`--node ${major}: npm could not install ${name}@${major}: ${error.message}`);
      },
    );
  }
  return binary;
}
