/**
 * cli: the `rolp` command. Arguments, exit codes and what goes to stdout and stderr live here.
 *
 * What may not live here: anything that another program might call; that is in the folder it concerns.
 */
export { main } from './commands.js';
