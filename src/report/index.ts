/**
 * report: how a profile is shown. The order and choice of contexts, the table for the terminal, the sections on
 * advice and conflicts, and what differs between two profiles as text live here.
 *
 * What may not live here: estimating anything, reading profile files (profiler), arguments and output streams (cli).
 */

export { adviceLines, conflictLines, formatAdvice } from './advice.js';
export { formatDiff } from './diff-text.js';
export { type ContextGroup, groupContexts } from './group.js';
export {
  type ReportOptions,
  type ReportRow,
  SORT_KEYS,
  type SortKey,
  selectContexts,
  selectRows,
  survivedBytes,
} from './select.js';
export { formatReport } from './terminal.js';
