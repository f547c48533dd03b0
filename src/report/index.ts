/**
 * report: how a profile is shown. Reading and checking profile files, the order and choice of contexts, the table
 * for the terminal and the report as JSON live here.
 *
 * What may not live here: estimating anything (profiler), arguments and output streams (cli).
 */
export { findProfileFiles, ProfileFileError, readProfile } from './read-profile.js';
export { type ReportOptions, SORT_KEYS, type SortKey, selectContexts, survivedBytes } from './select.js';
export { formatReport } from './terminal.js';
