/** Traces of key numbers for hit ratios: each draws 0 to `keys` - 1 and says so by name. */
import { seededRandom } from '../../src/base/random.js';
import { invertibleHash, Zipfian } from '../../workloads/common/ycsb.js';

export const TRACES = ['zipf0.7', 'zipf0.9', 'zipf0.99', 'zipf1.2', 'scan-mix', 'shifting', 'loop'] as const;
export type TraceName = (typeof TRACES)[number];

/** The next key number of a trace over `keys` keys, of which a cache holds about `cached`. */
export function trace(name: TraceName, keys: number, cached: number, seed: number): () => number {
  const random = seededRandom(seed);
  if (name === 'loop') {
    // A loop a fifth longer than the cache: LRU never hits.
    let at = 0;
    const length = Math.floor(cached * 1.2);
    return () => at++ % length;
  }
  const theta = name.startsWith('zipf') ? Number(name.slice(4)) : 0.99;
  // The generator has no case for theta 1, and 1.2 is past it: its formula holds on both sides.
  const zipf = new Zipfian(keys, random, theta);
  const scattered = (rank: number): number => invertibleHash(rank) % keys;
  if (name === 'scan-mix') {
    // One request in a hundred begins a scan of a hundred keys that nobody asks for again soon.
    let left = 0;
    let at = keys;
    return () => {
      if (left > 0) {
        left--;
        return at++;
      }
      if (random() < 0.01) left = 100;
      return scattered(zipf.next());
    };
  }
  if (name === 'shifting') {
    // What is popular changes by a tenth of the cache's size every so many requests.
    let requests = 0;
    return () => {
      requests++;
      return scattered(zipf.next() + Math.floor(requests / 2000) * Math.ceil(cached / 1000));
    };
  }
  return () => scattered(zipf.next());
}
