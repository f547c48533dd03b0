/** The one account of everything the heap holds. Nothing is allocated that was not taken from here first. */
export class Budget {
  readonly max: number;
  committed: number = 0;
  /** Of `committed`, what owners reserved for their own tables. */
  reserved: number = 0;

  constructor(max: number) {
    this.max = max;
  }

  get left(): number {
    return this.max - this.committed;
  }

  /** Takes `bytes` if they are left; says whether. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.committed += bytes;
    return true;
  }

  give(bytes: number): void {
    this.committed -= bytes;
  }
}
