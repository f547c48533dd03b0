import type { Addon } from '../../src/base/addon.js';

/** The addon, by the built package's own loader, so that its paths hold. */
export async function loadAddon(): Promise<Addon> {
  const base = new URL('../../../dist/base/index.js', import.meta.url);
  return ((await import(base.href)) as { loadAddon(): Addon }).loadAddon();
}
