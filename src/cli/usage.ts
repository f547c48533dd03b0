/** A wrong command line. `message` names the option and says what to do; the command ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ends a line where the next word would pass `width` columns; `indent` blanks before each line but the first. */
export function wrap(text: string, width: number, indent: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
