import { LRUCache } from 'lru-cache';
import { ArenaCache, type CacheOptions } from '../../src/cache/index.js';

/** A clock that the test turns. */
export class TestClock {
  ms = 1000;
  now(): number {
    return this.ms;
  }
}

export type Options<V> = Omit<CacheOptions<string, V, any>, 'heap' | 'policy' | 'codec'>;

/** ArenaCache as far as its calls are lru-cache's: tests of documented behaviour run on both. */
export type Cache<V> = ArenaCache<string, V, any>;

export interface Subject {
  readonly name: string;
  make<V = unknown>(options?: Options<V>): [Cache<V>, TestClock];
}

/**
 * lru-cache itself, and ArenaCache under 'lru'. A test that states what lru-cache documents runs on both, so that it
 * is lru-cache's behaviour that is stated.
 */
export const SUBJECTS: readonly Subject[] = [
  {
    name: 'lru-cache',
    make<V>(options: Options<V> = {}): [Cache<V>, TestClock] {
      const perf = new TestClock();
      const cache = new LRUCache({ max: 100, perf, ttlResolution: 0, ...options } as never);
      return [cache as unknown as Cache<V>, perf];
    },
  },
  {
    name: 'ArenaCache',
    make<V>(options: Options<V> = {}): [Cache<V>, TestClock] {
      const perf = new TestClock();
      const all = { max: 100, perf, ttlResolution: 0, policy: 'lru', ...options } as const;
      return [new ArenaCache<string, V, any>(all), perf];
    },
  },
];

export const ARENA: Subject = SUBJECTS[1]!;

interface Call<V> {
  readonly key: string;
  readonly stale: V | undefined;
  readonly signal: AbortSignal;
  readonly options: any;
  readonly context: any;
}

/** A fetchMethod whose answers the test gives when it likes. */
export class Backend<V> {
  readonly #calls: { key: string; stale: V | undefined; signal: AbortSignal; options: any; context: any }[] =
    [];
  readonly #waiting: { resolve: (value: V | undefined) => void; reject: (error: unknown) => void }[] = [];

  fetchMethod = (
    key: string,
    stale: V | undefined,
    { signal, options, context }: any,
  ): Promise<V | undefined> => {
    this.#calls.push({ key, stale, signal, options, context });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  };

  // A getter: `{ ...backend }` are options.
  get calls(): Call<V>[] {
    return this.#calls;
  }

  /** Answers the nth call. */
  answer(value: V | undefined, n = 0): Promise<void> {
    this.#waiting[n]!.resolve(value);
    return settle();
  }

  fail(error: unknown, n = 0): Promise<void> {
    this.#waiting[n]!.reject(error);
    return settle();
  }
}

/** Lets all promises that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What a promise came to, in one word and its value. */
export function outcome(promise: Promise<unknown>): Promise<unknown[]> {
  return promise.then(
    (value) => ['resolved', value],
    (error) => ['rejected', error instanceof Error ? error.message : error],
  );
}
