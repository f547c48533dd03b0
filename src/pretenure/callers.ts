import { fileURLToPath } from 'node:url';
import { CALLER_DEPTH } from './features.js';
import { StackKeys } from './stack-keys.js';

/** A frame as profiles tell it; line and column 1-based. */
export interface CallerFrame {
  readonly function: string;
  readonly url: string;
  readonly line: number | null;
  readonly column: number | null;
}

/** Frames of rolp's own between here and the program, at most; as many as there were last is tried first. */
const MOST_OWN_FRAMES = 16;
/** Functions of this folder between a capture's caller and the addon, which stacks as V8 captures them leave out. */
const ADDON_FRAMES = 2;
/** Node's frame between a continued async function and those that await it. */
const TASK_QUEUE = 'node:internal/process/task_queues';
const MAX_FRAMES = 4095;
const MAX_CHAINS = 0xffff;
/** What a capture costs with the addon until it is measured. */
const KNOWN_STACK_NS = 150;
/** Every so many captures one is timed. */
const TIMED_EVERY = 16;

interface CallSite {
  getScriptNameOrSourceURL(): string | null;
  getPosition(): number;
  getFunctionName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  isAsync(): boolean;
}

/**
 * Who called: the program's frames above rolp's own, as small numbers. A chain of d frames has one number, so that
 * two calls came the same way down to depth d if and only if their numbers there are equal. Await chains count, since V8
 * puts the awaiting functions on the stack it captures.
 *
 * Cost: 5 to 10 microseconds a capture, some of which are objects that V8 makes; with the addon a tenth of a microsecond
 * and no object where the stack is one that was captured before. It is asked only for sites that have a conflict, and timed.
 */
export class CallerIds {
  /** Number of the chain of 1, 2, ... frames after a capture; shorter stacks repeat their last. */
  readonly chain: Int32Array = new Int32Array(CALLER_DEPTH);
  /** Mean time of a capture of all frames that a probe looks at, ns. */
  probeNs: number = 5000;
  /** Mean time of a capture that only placement needs: of fewer frames, nearly always of a stack that is known. */
  captureNs: number;
  captures: number = 0;
  /** Of these, by way of an Error. */
  errorCaptures: number = 0;
  #wantedFrames: number = CALLER_DEPTH;
  #ownFrames: number = 6;
  /** Of the last capture: frames captured, those of rolp's own among them, whether some are or may be of an await chain. */
  #taken: number = 0;
  #takenOwn: number = 0;
  #mayAwait: boolean = false;
  readonly #keys: StackKeys;
  readonly #ownPrefix: string;
  readonly #ownPath: string;
  readonly #nowMs: () => number;
  /** By script, by position: the frame's number; null for rolp's own scripts. */
  readonly #scripts: Map<string, Map<number, number> | null> = new Map();
  readonly #frames: CallerFrame[] = [];
  readonly #chains: Map<number, number> = new Map();
  /** Of each chain: the chain without its last frame, and that frame. */
  readonly #parents: number[] = [0];
  readonly #lasts: number[] = [0];

  /** @param ownUrl rolp's own code lies under it. */
  constructor(
    nowMs: () => number,
    keys: StackKeys = new StackKeys(CALLER_DEPTH),
    ownUrl: string = new URL('..', import.meta.url).href,
  ) {
    this.#nowMs = nowMs;
    this.#keys = keys;
    this.#ownPrefix = ownUrl;
    this.#ownPath = fileURLToPath(ownUrl);
    this.captureNs = keys.available ? KNOWN_STACK_NS : this.probeNs;
  }

  /** Captures `frames` frames of the program into `chain`. Never throws; where nothing can be had all are 0. */
  capture(frames: number): void {
    const timed = this.captures++ % TIMED_EVERY === 0;
    const startMs = timed ? this.#nowMs() : 0;
    this.#wantedFrames = Math.min(frames, CALLER_DEPTH);
    if (!this.#keys.find(this.#wantedFrames + this.#ownFrames + ADDON_FRAMES, this.chain))
      this.#captureByError();
    if (timed) this.#note(Math.max(0, this.#nowMs() - startMs) * 1e6);
  }

  /** A time far over the mean is the machine's doing, not the capture's: it counts as three times the mean. */
  #note(ns: number): void {
    if (this.#wantedFrames === CALLER_DEPTH)
      this.probeNs += (Math.min(ns, 3 * this.probeNs) - this.probeNs) / 16;
    else this.captureNs += (Math.min(ns, 3 * this.captureNs) - this.captureNs) / 16;
  }

  /** Forgets which stacks were captured: code at the same addresses may be other code by now. */
  refresh(): void {
    this.#keys.forget();
  }

  #captureByError(): void {
    this.errorCaptures++;
    this.#captureFrames(this.#wantedFrames + this.#ownFrames);
    const full = this.#taken === this.#wantedFrames + this.#ownFrames;
    if (full && this.#takenOwn > this.#ownFrames && this.#ownFrames < MOST_OWN_FRAMES) {
      this.#ownFrames = MOST_OWN_FRAMES;
      this.#captureFrames(this.#wantedFrames + this.#ownFrames);
      this.#ownFrames = Math.min(MOST_OWN_FRAMES, this.#takenOwn);
    }
    // One number stands for many await chains: those are captured each time.
    if (!this.#mayAwait) this.#keys.learn(this.chain);
  }

  /** Reading `stack` with our own prepareStackTrace gives V8's call sites and never makes the text. */
  #captureFrames(limit: number): void {
    this.chain.fill(0);
    this.#taken = 0;
    const { prepareStackTrace, stackTraceLimit } = Error;
    try {
      Error.prepareStackTrace = this.#take;
      Error.stackTraceLimit = limit;
      const holder: { stack?: unknown } = {};
      Error.captureStackTrace(holder, this.capture);
      void holder.stack;
    } catch {
      // Error is frozen: callers cannot be told apart in this process, and all are alike.
    } finally {
      try {
        Error.prepareStackTrace = prepareStackTrace;
        Error.stackTraceLimit = stackTraceLimit;
      } catch {
        // Frozen: nothing was changed.
      }
    }
  }

  readonly #take = (_error: unknown, sites: unknown): undefined => {
    let chain = 0;
    let depth = 0;
    this.#taken = (sites as CallSite[]).length;
    this.#takenOwn = 0;
    this.#mayAwait = false;
    for (const site of sites as CallSite[]) {
      const frame = this.#frameOf(site, depth === 0);
      if (frame < 0) this.#takenOwn++;
      else if (depth < this.#wantedFrames) {
        if (site.isAsync()) this.#mayAwait = true;
        chain = this.#append(chain, frame);
        this.chain[depth++] = chain;
      }
    }
    // Where the stack ends, awaiting functions may follow another time.
    if (depth < this.#wantedFrames) this.#mayAwait = true;
    for (; depth < this.chain.length; depth++) this.chain[depth] = chain;
  };

  /** The frame's number, or -1 if it is rolp's own. */
  #frameOf(site: CallSite, isFirst: boolean): number {
    const script = site.getScriptNameOrSourceURL() ?? '';
    // Code that rolp compiles for a record has no name.
    if (script === '' && isFirst) return -1;
    if (script === TASK_QUEUE) {
      this.#mayAwait = true;
      return -1;
    }
    let frames = this.#scripts.get(script);
    if (frames === undefined) {
      const isOwn = this.#isOwn(script);
      // Evaluated texts may each have a name of their own: with no number left for a frame, none is kept.
      if (!isOwn && this.#frames.length >= MAX_FRAMES) return MAX_FRAMES;
      frames = isOwn ? null : new Map();
      this.#scripts.set(script, frames);
    }
    if (frames === null) return -1;
    const position = site.getPosition();
    let frame = frames.get(position);
    if (frame === undefined) {
      if (this.#frames.length >= MAX_FRAMES) return MAX_FRAMES;
      frame = this.#frames.length;
      this.#frames.push({
        function: site.getFunctionName() ?? '(anonymous)',
        url: script,
        line: site.getLineNumber(),
        column: site.getColumnNumber(),
      });
      frames.set(position, frame);
    }
    return frame;
  }

  #isOwn(script: string): boolean {
    return script.startsWith(this.#ownPrefix) || script.startsWith(this.#ownPath);
  }

  #append(chain: number, frame: number): number {
    const key = chain * (MAX_FRAMES + 1) + frame;
    let next = this.#chains.get(key);
    if (next === undefined) {
      if (this.#parents.length > MAX_CHAINS) return chain;
      next = this.#parents.length;
      this.#parents.push(chain);
      this.#lasts.push(frame);
      this.#chains.set(key, next);
    }
    return next;
  }

  /** The frames of a chain, the allocating function first. */
  framesOf(chain: number): CallerFrame[] {
    const frames: CallerFrame[] = [];
    for (let at = chain; at !== 0; at = this.#parents[at]!) {
      const frame = this.#frames[this.#lasts[at]!];
      if (frame !== undefined) frames.push(frame);
    }
    return frames.reverse();
  }
}
