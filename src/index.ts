/** rolp: see README.md. The profiler, the generational heap and the cache in one import. */
export * from './cache/index.js';
export * from './heap/index.js';
