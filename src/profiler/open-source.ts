import { openFallbackSource } from './fallback-source.js';
import { NativeSource } from './native-source.js';
import type { SampleSource } from './sample-source.js';

/**
 * Opens the best door into V8's sampler that there is: the native addon, else the fallback. Nothing is started.
 *
 * @returns the source, or one sentence for the user on why there is none.
 */
export function openSampleSource(): SampleSource | { readonly reason: string } {
  let noAddon: string;
  try {
    return new NativeSource();
  } catch (error) {
    noAddon = (error as Error).message;
  }
  const fallback = openFallbackSource();
  if (!('reason' in fallback)) return fallback;
  const permission = (process as { permission?: unknown }).permission === undefined ? '' : permissionHint();
  return { reason: `the native addon does not load (${noAddon}), and ${fallback.reason}${permission}` };
}

function permissionHint(): string {
  return '; under --permission, allow it with --allow-addons (and --allow-inspector for the fallback)';
}
