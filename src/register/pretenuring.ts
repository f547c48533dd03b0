import { subscribe } from 'node:diagnostics_channel';
import { warnOnce } from '../base/index.js';
import type { GenerationalHeap } from '../heap/index.js';
import { type Pretenurer, pretenure, priorsOfDecisions, profileContexts } from '../pretenure/index.js';
import { type ProfileContext, profileInput, providePlacedContexts } from '../profiler/index.js';

/** The pretenurers of this thread's heaps; a heap that is collected takes its own along. */
const pretenurers: Set<WeakRef<Pretenurer>> = new Set();

/**
 * Installs learning placement into every heap that this thread makes from here on, starting from the earlier run's
 * profile if there is one, and adds what it learns to the profile.
 */
export function startPretenuring(): void {
  const priors = priorsOfDecisions(profileInput()?.all('placed') ?? []);
  subscribe('rolp:heap:create', (message) => {
    const { heap } = message as { heap: GenerationalHeap };
    try {
      pretenurers.add(new WeakRef(pretenure(heap, { priors })));
    } catch (error) {
      warnOnce(
        'ROLP_PRETENURE',
        `heap '${heap.name}' places by its static rule, since pretenuring could not be installed: ${(error as Error).message}`,
      );
    }
  });
  providePlacedContexts(contexts);
}

function contexts(): ProfileContext[] {
  const all: ProfileContext[] = [];
  for (const weak of pretenurers) {
    const pretenurer = weak.deref();
    if (pretenurer === undefined) pretenurers.delete(weak);
    else all.push(...profileContexts(pretenurer.contexts()));
  }
  return all;
}
