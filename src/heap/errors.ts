/**
 * The heap's budget does not hold what was asked for. Thrown before anything is touched: whoever catches it
 * finds the heap as it was.
 */
export class HeapFullError extends Error {
  override readonly name: string = 'HeapFullError';
  readonly code: string = 'ROLP_HEAP_FULL';
  /** Bytes in use, tables and reservations included. */
  readonly used: number;
  /** Bytes asked for. */
  readonly asked: number;
  /** The heap's `maxBytes`. */
  readonly max: number;

  constructor(used: number, asked: number, max: number, what: string) {
    super(
      `the heap is full: ${asked} bytes asked for ${what}, ${used} used of maxBytes ${max}; ` +
        'free or release something, or raise GenerationalHeap.maxBytes',
    );
    this.used = used;
    this.asked = asked;
    this.max = max;
  }
}

/** A ref whose block was freed or released, a second free included, or which this heap never gave out. */
export class StaleRefError extends Error {
  override readonly name: string = 'StaleRefError';
  readonly code: string = 'ROLP_STALE_REF';
  readonly ref: number;

  constructor(ref: number, why: string) {
    super(`stale ref ${ref}: ${why}`);
    this.ref = ref;
  }
}

/** A record's view was read after its owner had changed something: the record may lie elsewhere, or be another. */
export class StaleViewError extends Error {
  override readonly name: string = 'StaleViewError';
  readonly code: string = 'ROLP_STALE_VIEW';

  constructor() {
    super(
      'stale view: something was set, deleted or evicted since it was got; read its fields at once, get it again, ' +
        'or keep a copy made by its toJSON()',
    );
  }
}

/** `verify()` found the heap broken. `place` says where, the message what. */
export class HeapInvariantError extends Error {
  override readonly name: string = 'HeapInvariantError';
  readonly code: string = 'ROLP_HEAP_INVARIANT';
  readonly place: string;

  constructor(place: string, what: string) {
    super(`broken invariant at ${place}: ${what}`);
    this.place = place;
  }
}
