/** rolp: see README.md. The heap, the cache and learning placement in one import. */
export * from './cache/index.js';
export * from './heap/index.js';
export * from './pretenure/index.js';
