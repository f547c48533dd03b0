import type { Rewrite, SegmentInfo } from './engine.js';

/**
 * A flush or merge, one document or posting a unit: first each input's documents are numbered anew, the dead
 * left out, then its postings copied. What a document and a posting are is the variant's, and where it
 * remembers the new numbers.
 */
export abstract class SteppedRewrite<S extends SegmentInfo> implements Rewrite<S> {
  readonly inputs: readonly S[];
  abstract readonly output: S;
  #copiesDocs = true;
  #input = 0;
  #doc = 0;

  constructor(inputs: readonly S[]) {
    this.inputs = inputs;
  }

  step(units: number): boolean {
    for (let left = units; left > 0 && !this.#isDone; left--) {
      if (this.#copiesDocs) this.#stepDoc();
      else if (!this.copyPosting(this.#input)) this.#input++;
    }
    return this.#isDone;
  }

  get #isDone(): boolean {
    return !this.#copiesDocs && this.#input === this.inputs.length;
  }

  #stepDoc(): void {
    if (this.#doc < this.inputs[this.#input]!.docs) {
      this.copyDoc(this.#input, this.#doc++);
      return;
    }
    this.#doc = 0;
    if (++this.#input < this.inputs.length) return;
    this.#copiesDocs = false;
    this.#input = 0;
  }

  /** Takes a document of input number `input` over if it is alive, and remembers its number in the output, -1 if not. */
  protected abstract copyDoc(input: number, doc: number): void;

  /** Takes the input's next posting over, if its document was. @returns false if there is none any more. */
  protected abstract copyPosting(input: number): boolean;
}
