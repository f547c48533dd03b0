import { createRequire } from 'node:module';
import * as v8 from 'node:v8';

/** A way to start V8's sampler without the forced GC at each poll that the inspector's own start brings. */
export interface SamplerDoor {
  readonly engine: 'v8-heap-profile' | 'pprof';
  /** @throws Error when somebody else's sampler runs, where the door can tell. */
  start(intervalBytes: number, stackDepth: number): void;
  stop(): void;
}

interface HeapProfileHandle {
  stop(): unknown;
}
type StartHeapProfile = (options: { sampleInterval: number; stackDepth: number }) => HeapProfileHandle;
interface Pprof {
  readonly heap: { start(intervalBytes: number, stackDepth: number): void; stop(): void };
}

/** Node 26 starts V8's sampler itself; before, the optional peer @datadog/pprof does, if the app has it. */
export function openDoor(): SamplerDoor | null {
  return nodeDoor() ?? pprofDoor();
}

function nodeDoor(): SamplerDoor | null {
  const { startHeapProfile } = v8 as { startHeapProfile?: StartHeapProfile };
  if (typeof startHeapProfile !== 'function') return null;
  let handle: HeapProfileHandle | undefined;
  return {
    engine: 'v8-heap-profile',
    start(sampleInterval, stackDepth) {
      handle = startHeapProfile({ sampleInterval, stackDepth });
    },
    stop() {
      handle?.stop();
      handle = undefined;
    },
  };
}

function pprofDoor(): SamplerDoor | null {
  const pprof = loadPprof();
  if (pprof === null) return null;
  return {
    engine: 'pprof',
    start: (intervalBytes, stackDepth) => pprof.heap.start(intervalBytes, stackDepth),
    stop: () => pprof.heap.stop(),
  };
}

/** From where rolp is installed, else from where the app is: rolp may be installed globally. */
function loadPprof(): Pprof | null {
  for (const from of [import.meta.url, `${process.cwd()}/index.js`]) {
    try {
      return requireAside(createRequire(from), '@datadog/pprof') as Pprof;
    } catch {
      // Not installed there, or its addon does not load on this Node.
    }
  }
  return null;
}

/**
 * Loads a package without leaving its modules to whoever requires it next: pprof remembers in a module that its sampler
 * runs, and would refuse the app's own start. (V8 has one sampler for both. Addons stay: not each can be loaded twice.)
 */
function requireAside(require: NodeJS.Require, name: string): unknown {
  const before = new Set(Object.keys(require.cache));
  try {
    return require(name);
  } finally {
    for (const file of Object.keys(require.cache)) {
      if (!before.has(file) && !file.endsWith('.node')) delete require.cache[file];
    }
  }
}
