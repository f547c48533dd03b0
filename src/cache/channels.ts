import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';

/**
 * What a cache tells through diagnostics_channel. Messages are made only while someone subscribes.
 *
 * - `rolp:cache:evict` {cache, entries, bytes}: one call made room by evicting; once a call, at its end, not once an entry.
 *   If others on a shared heap asked for the room, soon after
 * - `rolp:cache:refuse` {cache, key, bytes, size, why}: an entry was not stored; why is 'maxEntrySize' or 'maxBytes'
 *
 * `cache` is the cache's `name`.
 */
export const channels: Readonly<Record<'evict' | 'refuse', Channel>> = {
  evict: channel('rolp:cache:evict'),
  refuse: channel('rolp:cache:refuse'),
};

/**
 * `rolp:cache:metrics`: the Status object of each get, set, has, peek, delete and memo, as on lru-cache's
 * `lru-cache:metrics`. While nobody listens it costs a call the look at one field.
 */
export const metrics: Channel = channel('rolp:cache:metrics');

/**
 * `tracing:rolp:cache:start`, `end`, `asyncStart`, `asyncEnd` and `error` of each fetch and forceFetch, whose Status
 * object is the context, as on lru-cache's tracing channel.
 */
export const tracing: TracingChannel<string, object> = tracingChannel('rolp:cache');
