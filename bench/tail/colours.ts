/**
 * A variant's colour, in the page as in the picture: of Tableau's, which stay apart on white and on black, and for most
 * colour-blind eyes. No two of one workload are alike (a colour by its place in the list made lru-cache look as typed).
 */
export const COLOURS: Readonly<Record<string, string>> = {
  heap: '#e15759',
  'heap-semi64': '#f28e2b',
  'heap-semi128': '#b6992d',
  'lru-cache': '#9c755f',
  'map-of-buffers': '#d37295',
  minisearch: '#d37295',
  typed: '#4e79a7',
  single: '#b07aa1',
  auto: '#17a2b8',
  'arena-refs': '#a0c59a',
  arena: '#59a14f',
  floor: '#888888',
};
