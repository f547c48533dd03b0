import { type Channel, channel } from 'node:diagnostics_channel';

/**
 * What the heap tells through diagnostics_channel. Messages are made only while someone subscribes. They are sent in the
 * midst of the heap's work: who is told may read the heap (`stats`, `bytes`, views), but must not change it there and then.
 *
 * - `rolp:heap:create` {heap}: here the heap itself, so that a placement policy can be installed into it
 * - `rolp:generation:release` {heap, generation, regions, bytes}
 * - `rolp:region:evacuate` {heap, region, generation, to, bytes}: bytes were copied out of the region
 * - `rolp:region:free` {heap, region, generation, whole}: whole says that nothing was copied or swept
 * - `rolp:heap:grow`, `rolp:heap:shrink` {heap, bytes, committed}
 * - `rolp:heap:full` {heap, asked, used, max}
 *
 * In all but the first, `heap` is the heap's `name`.
 */
export const channels: Readonly<
  Record<'create' | 'release' | 'evacuate' | 'free' | 'grow' | 'shrink' | 'full', Channel>
> = {
  create: channel('rolp:heap:create'),
  release: channel('rolp:generation:release'),
  evacuate: channel('rolp:region:evacuate'),
  free: channel('rolp:region:free'),
  grow: channel('rolp:heap:grow'),
  shrink: channel('rolp:heap:shrink'),
  full: channel('rolp:heap:full'),
};
