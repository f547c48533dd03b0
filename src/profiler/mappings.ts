/** A place in a source of the map; line and column 0-based. */
export interface MappedPlace {
  /** Index into the map's sources. */
  readonly source: number;
  readonly line: number;
  readonly column: number;
}

/** Characters between two marks: what a look has to read again at most. */
const MARK_EVERY = 4096;
const SEMICOLON = 0x3b;
const COMMA = 0x2c;
/** Value of each base-64 digit by its character; 0 for what is none. */
const DIGITS = new Uint8Array(128);
'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.split('').forEach((digit, value) => {
  DIGITS[digit.charCodeAt(0)] = value;
});

/** Where reading can go on: after a comma or semicolon, with what the segments so far add up to. */
interface Mark {
  /** Whether the last of them, on the same line, names the place that they add up to. */
  readonly isPlace: boolean;
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly source: number;
  readonly sourceLine: number;
  readonly sourceColumn: number;
}

/**
 * The `mappings` of a source map, read where they lie. Decoded as a whole, as @jridgewell/trace-mapping does, they are
 * an array for each of some hundred thousand segments, of which a profile asks for some dozens: in the app that is being
 * profiled, at its cost. Here a look reads the text up to the place it asks for, once, and from the nearest mark later on.
 * Segments of a line are taken to be in the order of their columns, as generators write them.
 */
export class Mappings {
  readonly #text: string;
  readonly #marks: Mark[] = [
    { isPlace: false, offset: 0, line: 0, column: 0, source: 0, sourceLine: 0, sourceColumn: 0 },
  ];

  constructor(text: string) {
    this.#text = text;
  }

  /** What it keeps. */
  get chars(): number {
    return this.#text.length;
  }

  /**
   * The place that the segment at or before a position names, else the one after it on the same line.
   * @param line @param column of the generated code, 0-based.
   * @returns null where the line has neither.
   */
  find(line: number, column: number): MappedPlace | null {
    const text = this.#text;
    const marks = this.#marks;
    const mark = this.#markBefore(line, column);
    let nextMark = marks.at(-1)!.offset + MARK_EVERY;
    let { offset, line: atLine, column: atColumn, source, sourceLine, sourceColumn, isPlace } = mark;
    // The last place before the position, in numbers, since a bundle's line passes by thousands of them.
    let isFound = isPlace && atLine === line;
    let [foundSource, foundLine, foundColumn] = [source, sourceLine, sourceColumn];
    let isExact = false;
    while (offset < text.length && atLine <= line) {
      const char = text.charCodeAt(offset);
      if (char === SEMICOLON || char === COMMA) {
        offset++;
        if (char === SEMICOLON) {
          atLine++;
          atColumn = 0;
          isPlace = false;
        }
        if (offset >= nextMark) {
          nextMark = offset + MARK_EVERY;
          const here = { line: atLine, column: atColumn, source, sourceLine, sourceColumn };
          marks.push({ isPlace, offset, ...here });
        }
        continue;
      }
      // Up to five numbers: the column, and where it names a place its source, line and column (and a name), as
      // differences from the segment before.
      let field = 0;
      for (; offset < text.length; field++) {
        const first = text.charCodeAt(offset);
        if (first === SEMICOLON || first === COMMA) break;
        let digit = DIGITS[first] ?? 0;
        let bits = digit & 31;
        offset++;
        // Most numbers are of one digit.
        for (let shift = 5; digit & 32; shift += 5) {
          digit = DIGITS[text.charCodeAt(offset++)] ?? 0;
          bits |= (digit & 31) << shift;
        }
        const delta = bits & 1 ? -(bits >>> 1) : bits >>> 1;
        if (field === 0) atColumn += delta;
        else if (field === 1) source += delta;
        else if (field === 2) sourceLine += delta;
        else if (field === 3) sourceColumn += delta;
      }
      isPlace = field >= 4;
      if (atLine !== line) continue;
      const isPast = atColumn > column;
      if (isPast && (isExact || isFound)) break;
      // Of several at the column itself the first that names a place.
      if (!isExact || !isFound) {
        isFound = isPlace;
        [foundSource, foundLine, foundColumn] = [source, sourceLine, sourceColumn];
      }
      isExact = atColumn === column;
      if (isPast) break;
    }
    return isFound ? { source: foundSource, line: foundLine, column: foundColumn } : null;
  }

  /** The last mark from which the position can be reached. */
  #markBefore(line: number, column: number): Mark {
    const marks = this.#marks;
    let [low, high] = [0, marks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const mark = marks[middle]!;
      if (mark.line < line || (mark.line === line && mark.column < column)) low = middle;
      else high = middle - 1;
    }
    return marks[low]!;
  }
}
