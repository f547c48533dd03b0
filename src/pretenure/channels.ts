import { type Channel, channel } from 'node:diagnostics_channel';

/**
 * What pretenuring tells through diagnostics_channel. Messages are made only while someone subscribes.
 *
 * - `rolp:pretenure:decide` {heap, site, generation, before, cycle}: a context's blocks go elsewhere from now on
 * - `rolp:pretenure:conflict` {heap, site, verdict, features, cycle}: how a site's conflict stands now
 */
export const channels: Readonly<Record<'decide' | 'conflict', Channel>> = {
  decide: channel('rolp:pretenure:decide'),
  conflict: channel('rolp:pretenure:conflict'),
};
