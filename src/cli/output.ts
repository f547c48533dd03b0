/** Prints what a command answers. A reader such as `head` may leave before all is printed. */
export function writeOut(text: string): void {
  write(process.stdout, text, ignoreLeft);
}

/** Tells the user something. A stderr that nobody reads, or that is gone, must not decide how the command ends. */
export function writeErr(text: string): void {
  write(process.stderr, text, ignore);
}

/** Columns of the terminal behind a stream; `Infinity` where there is none, or one of unknown size, which says 0. */
export function columnsOf({ columns }: { readonly columns?: number }): number {
  return columns || Number.POSITIVE_INFINITY;
}

function write(stream: NodeJS.WriteStream, text: string, onError: (error: Error) => void): void {
  // Once a stream: a command may say more than one thing.
  if (!stream.listeners('error').includes(onError)) stream.on('error', onError);
  stream.write(text);
}

function ignoreLeft(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function ignore(): void {}
