import { type Channel, channel } from 'node:diagnostics_channel';

/**
 * What a cache tells through diagnostics_channel. Messages are made only while someone subscribes.
 *
 * - `rolp:cache:evict` {cache, entries, bytes}: one call made room by evicting; once a call, not once an entry
 * - `rolp:cache:refuse` {cache, key, bytes, size, why}: an entry was not stored; why is 'maxEntrySize' or 'maxBytes'
 *
 * `cache` is the cache's `name`.
 */
export const channels: Readonly<Record<'evict' | 'refuse', Channel>> = {
  evict: channel('rolp:cache:evict'),
  refuse: channel('rolp:cache:refuse'),
};
