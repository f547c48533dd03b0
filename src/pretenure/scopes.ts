import { AsyncLocalStorage } from 'node:async_hooks';
import { warnOnce } from '../base/index.js';

const MAX_SCOPES = 1023;

/**
 * Names that follow asynchronous work: ROLP's thread stack state where there are no threads, since a callback's stack
 * does not say who asked for it. 0 is no scope.
 *
 * An AsyncLocalStorage in use makes promise code 2.5 times slower on Node 20 and 22, so there it is
 * used only if asked for; from Node 24 on it is cheap.
 */
export class AsyncScopes {
  readonly #enabled: boolean;
  #storage: AsyncLocalStorage<number> | null = null;
  readonly #ids: Map<string, number> = new Map();
  readonly #names: string[] = [''];

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** The scope in which this runs. */
  get current(): number {
    return this.#storage === null ? 0 : (this.#storage.getStore() ?? 0);
  }

  /** Calls `fn` in scope `name`, with all that it awaits or schedules. */
  run<T>(name: string, fn: () => T): T {
    if (!this.#enabled) {
      warnOnce(
        'ROLP_SCOPES_OFF',
        `pretenure: scope(${JSON.stringify(name)}) is not followed on Node ${process.versions.node}, where it would ` +
          'slow down all promises; pretenure(heap, {asyncScopes: true}) follows it nonetheless',
      );
      return fn();
    }
    this.#storage ??= new AsyncLocalStorage<number>();
    return this.#storage.run(this.#idOf(name), fn);
  }

  #idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#names.length > MAX_SCOPES) {
      warnOnce(
        'ROLP_SCOPES_FULL',
        `pretenure: ${MAX_SCOPES} scopes are named already; this and further ones count as none. ` +
          'Name scopes by code, not by data.',
      );
      return 0;
    }
    const id = this.#names.length;
    this.#names.push(name);
    this.#ids.set(name, id);
    return id;
  }

  nameOf(scope: number): string {
    return this.#names[scope] ?? String(scope);
  }
}

/** Whether an AsyncLocalStorage costs next to nothing here. */
export function scopesAreCheap(nodeVersion: string = process.versions.node): boolean {
  return Number.parseInt(nodeVersion, 10) >= 24;
}
