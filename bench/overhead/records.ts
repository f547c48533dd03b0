import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface SettledMemory {
  readonly rssBytes: number;
  /** What V8 holds of pages without objects: it differs by tens of MB between runs of one program. */
  readonly heapFreeBytes: number;
}

/** One slice of one kind. */
export interface SliceRecord {
  readonly round: number;
  /** Counts the processes that were started of this kind. */
  readonly generation: number;
  readonly kind: string;
  /** Requests, or runs of the loop. */
  readonly work: number;
  readonly failures: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
  /** After full GCs, at the end of a process's life only. */
  readonly settled: SettledMemory | null;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

/** A bench's slices in a file of JSON lines, the first of which says how they were taken. */
export class Records {
  readonly #path: string;
  readonly slices: SliceRecord[] = [];

  /** Goes on with the file if it was taken in the same way, unless `fresh`. */
  constructor(path: string, setup: object, fresh: boolean) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    const head = JSON.stringify(setup);
    if (!fresh && existsSync(path)) {
      const [first, ...rest] = readFileSync(path, 'utf8').trim().split('\n');
      if (first === head) {
        this.slices.push(...rest.map((line) => JSON.parse(line) as SliceRecord));
        return;
      }
    }
    writeFileSync(path, `${head}\n`);
  }

  add(slices: readonly SliceRecord[]): void {
    this.slices.push(...slices);
    appendFileSync(this.#path, slices.map((slice) => `${JSON.stringify(slice)}\n`).join(''));
  }

  /** The round to take next. A round is kept whole or not at all. */
  get nextRound(): number {
    return 1 + Math.max(-1, ...this.slices.map(({ round }) => round));
  }
}
