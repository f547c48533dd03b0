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
  /** Counts the processes that were started of this kind. All kinds' processes of one generation run side by side. */
  readonly generation: number;
  readonly kind: string;
  /** Requests, or runs of the loop. */
  readonly work: number;
  readonly failures: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
  /** Mark-compacts, which cost much and fall now into one slice, now into the next. */
  readonly majorGcs: number;
  /** After full GCs, at the end of a process's life only. */
  readonly settled: SettledMemory | null;
  /** A histogram of microseconds, as hdr-histogram-js encodes it compressed; null where nothing has a latency. */
  readonly latency: string | null;
  /** What rolp says that it did; null for kinds without it. */
  readonly accounting: Accounting | null;
}

/** What rolp has counted of its own work when it was asked, before and after the poll that asking took. */
export interface AccountReading {
  readonly before: Pick<Accounting, 'polls' | 'pollNs'>;
  readonly after: Pick<Accounting, 'polls' | 'pollNs'>;
  readonly samples: number;
  readonly fileNs: number;
}

/** What rolp counts of its own work, over one slice. */
export interface Accounting {
  readonly polls: number;
  readonly pollNs: number;
  /** That V8 took, looked at or not. */
  readonly samples: number;
  /** CPU time of the profiles that it wrote. */
  readonly fileNs: number;
}

/** A bench's slices in a file of JSON lines, the first of which says how they were taken. */
export class Records {
  readonly #path: string;
  readonly #head: string;
  readonly slices: SliceRecord[] = [];

  /** Goes on with the file if it was taken in the same way, unless `fresh`. */
  constructor(path: string, setup: object, fresh: boolean) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.#head = JSON.stringify(setup);
    if (!fresh && existsSync(path)) {
      const [first, ...rest] = readFileSync(path, 'utf8').trim().split('\n');
      if (first === this.#head) {
        this.slices.push(...rest.map((line) => JSON.parse(line) as SliceRecord));
        return;
      }
    }
    this.#write();
  }

  add(slices: readonly SliceRecord[]): void {
    this.slices.push(...slices);
    appendFileSync(this.#path, lines(slices));
  }

  /** Lets go of that round and all after it. */
  forgetFrom(round: number): void {
    const kept = this.slices.filter((slice) => slice.round < round);
    this.slices.splice(0, this.slices.length, ...kept);
    this.#write();
  }

  #write(): void {
    writeFileSync(this.#path, `${this.#head}\n${lines(this.slices)}`);
  }

  /** The round to take next. A round is kept whole or not at all. */
  get nextRound(): number {
    return 1 + Math.max(-1, ...this.slices.map(({ round }) => round));
  }
}

function lines(slices: readonly SliceRecord[]): string {
  return slices.map((slice) => `${JSON.stringify(slice)}\n`).join('');
}
