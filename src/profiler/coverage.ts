import type { Session } from 'node:inspector';
import { ownProcess } from '../base/index.js';

type Inspector = typeof import('node:inspector');
type Post = (this: Session, method: string, ...rest: unknown[]) => unknown;

/** What rolp asks of V8's coverage: whether somebody uses it, and its side effect of dropping optimised code. */
export interface Coverage {
  /** Why optimised code must not be dropped now; null when it may. */
  inUseBy(): string | null;
  /**
   * Makes V8 throw away all optimised code of this isolate, by switching coverage on and off: the switch
   * deoptimises everything. A pause that grows with the V8 heap, 0.55 to 0.85 ms a MB.
   *
   * @throws Error when there is no inspector or the permission model forbids it.
   */
  dropOptimisedCode(): void;
}

/**
 * The coverage of this isolate. Sessions of the process's own that start it later are noticed by a wrapper
 * around `Session.prototype.post`, which hands everything through: V8 does not tell one session of another. A
 * debugger that attaches from outside (DevTools) is not noticed.
 */
export function watchCoverage(inspector: Inspector | null): Coverage {
  const users = new Set<Session>();
  let own = false;
  if (inspector !== null) {
    const { prototype } = inspector.Session;
    const original = prototype.post as Post;
    const post = function post(this: Session, method: string, ...rest: unknown[]): unknown {
      if (!own && method === 'Profiler.startPreciseCoverage') users.add(this);
      if (method === 'Profiler.stopPreciseCoverage' || method === 'Profiler.disable') users.delete(this);
      return original.call(this, method, ...rest);
    };
    const disconnect = prototype.disconnect;
    Object.defineProperty(prototype, 'post', {
      value: Object.defineProperties(post, Object.getOwnPropertyDescriptors(original)),
      writable: true,
      configurable: true,
      enumerable: false,
    });
    Object.defineProperty(prototype, 'disconnect', {
      value: Object.defineProperties(function (this: Session): void {
        users.delete(this);
        disconnect.call(this);
      }, Object.getOwnPropertyDescriptors(disconnect)),
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }

  return {
    inUseBy() {
      if (ownProcess.env.NODE_V8_COVERAGE) return 'NODE_V8_COVERAGE is set, whose counts it would spoil';
      return users.size > 0
        ? 'the app takes coverage through the inspector, whose counts it would spoil'
        : null;
    },
    dropOptimisedCode() {
      if (inspector === null) throw new Error('this Node has no inspector');
      own = true;
      try {
        switchCoverage(new inspector.Session());
      } finally {
        own = false;
      }
    },
  };
}

function switchCoverage(session: Session): void {
  session.connect();
  try {
    let failure: Error | null = null;
    const post = (method: string, params?: object): void => {
      session.post(method as 'Profiler.enable', params as undefined, (error) => {
        failure ??= error;
      });
    };
    post('Profiler.enable');
    post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
    post('Profiler.stopPreciseCoverage');
    post('Profiler.disable');
    if (failure !== null) throw failure;
  } finally {
    session.disconnect();
  }
}
