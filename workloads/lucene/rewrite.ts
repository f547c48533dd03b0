import type { Rewrite, SegmentInfo } from './engine.js';

/**
 * A flush or merge, one document or posting a unit: first each input's documents are numbered anew, the dead
 * left out, then its postings copied. What a document and a posting are is the variant's.
 */
export abstract class SteppedRewrite<S extends SegmentInfo> implements Rewrite<S> {
  readonly inputs: readonly S[];
  abstract readonly output: S;
  /** For each input, its documents' new numbers; -1 for the dead. */
  readonly #renumbered: Int32Array[];
  #copiesDocs = true;
  #input = 0;
  #doc = 0;

  constructor(inputs: readonly S[]) {
    this.inputs = inputs;
    this.#renumbered = inputs.map((input) => new Int32Array(input.docs));
  }

  step(units: number): boolean {
    for (let left = units; left > 0 && !this.#isDone; left--) {
      if (this.#copiesDocs) this.#stepDoc();
      else if (!this.copyPosting(this.inputs[this.#input]!, this.#renumbered[this.#input]!)) this.#input++;
    }
    return this.#isDone;
  }

  get #isDone(): boolean {
    return !this.#copiesDocs && this.#input === this.inputs.length;
  }

  #stepDoc(): void {
    const input = this.inputs[this.#input]!;
    if (this.#doc < input.docs) {
      this.#renumbered[this.#input]![this.#doc] = this.copyDoc(input, this.#doc);
      this.#doc++;
      return;
    }
    this.#doc = 0;
    if (++this.#input < this.inputs.length) return;
    this.#copiesDocs = false;
    this.#input = 0;
  }

  /** Takes a document over if it is alive. @returns its number in the output, or -1. */
  protected abstract copyDoc(input: S, doc: number): number;

  /** Takes the input's next posting over, if its document was. @returns false if there is none any more. */
  protected abstract copyPosting(input: S, renumbered: Int32Array): boolean;
}
