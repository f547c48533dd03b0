import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * What the native addon exports. It is declared loosely here, since base must not know of profiles or heaps:
 * each user narrows it to the functions it calls.
 */
export type Addon = Readonly<Record<string, unknown>>;

/** Why the addon is not there: a sentence for the user. */
export interface AddonFailure {
  readonly reason: string;
}

let cached: Addon | AddonFailure | undefined;

/**
 * Loads the addon: the checkout's own build, else the published package's prebuilt binary for this platform and
 * ABI. Tried once per isolate; never throws. (Two computed paths, so no package is needed to find them:
 * node-gyp-build looks for one build per checkout, while four Node versions share ours.)
 *
 * `ROLP_NO_ADDON=1` behaves as if none could be loaded (to try out the fallback, or to rule the addon out).
 *
 * @returns the addon, or the reason why there is none. Cost: one dlopen.
 */
export function loadAddon(): Addon | AddonFailure {
  cached ??= tryLoad();
  return cached;
}

function tryLoad(): Addon | AddonFailure {
  if (process.env.ROLP_NO_ADDON === '1') return { reason: 'ROLP_NO_ADDON=1 is set' };
  const abi = process.versions.modules;
  const platform = `${process.platform}-${process.arch}`;
  try {
    for (const path of [`build/${abi}/rolp.node`, `prebuilds/${platform}/rolp.abi${abi}.node`]) {
      const file = fileURLToPath(new URL(`../../native/${path}`, import.meta.url));
      if (existsSync(file)) return createRequire(import.meta.url)(file) as Addon;
    }
    return { reason: `there is no native addon for ${platform}, ABI ${abi}` };
  } catch (error) {
    return { reason: oneLine(error) };
  }
}

/** Node's own messages about a wrong ABI run over several lines. */
function oneLine(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
  return text.length > 300 ? `${text.slice(0, 297)}...` : text;
}
