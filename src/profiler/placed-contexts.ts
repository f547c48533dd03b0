import type { ProfileContext } from './profile.js';

const providers = new Set<() => readonly ProfileContext[]>();

/**
 * Adds contexts of kind `placed` to this thread's profiles: the provider is asked whenever one is written. The profiler
 * knows no heap; who places objects tells it what it has learnt.
 *
 * @returns what takes the provider away again.
 */
export function providePlacedContexts(provider: () => readonly ProfileContext[]): () => void {
  providers.add(provider);
  return () => providers.delete(provider);
}

/** The contexts of all providers. One that throws is left out: a profile is worth more than its last part. */
export function placedContexts(): ProfileContext[] {
  return [...providers].flatMap((provider) => {
    try {
      return provider();
    } catch {
      return [];
    }
  });
}
