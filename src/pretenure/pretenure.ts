import { type Clock, systemClock } from '../base/index.js';
import type { GenerationalHeap } from '../heap/index.js';
import { LifetimeInference } from '../profiler/inference/index.js';
import { CallerIds } from './callers.js';
import { ContextTable } from './context-table.js';
import { Homes } from './homes.js';
import { GenerationLadder } from './ladder.js';
import { type PretenureOptions, resolveOptions } from './options.js';
import { type PlacedContext, type PlacedSources, placedContexts } from './placed.js';
import { LearningPolicy } from './policy.js';
import { Priors } from './priors.js';
import { AsyncScopes } from './scopes.js';

/** What the loop has done and cost so far. */
export interface PretenureStats {
  /** Windows of 16 heap cycles in which decisions were made. */
  readonly windows: number;
  /** Changes of a context's generation. */
  readonly changes: number;
  readonly contexts: number;
  /** Contexts that count to their site's for want of room. */
  readonly folded: number;
  /** Stacks captured, and the mean time of one for placement in ns. */
  readonly captures: number;
  /** Of these, captured by way of an Error: the stack was not known. */
  readonly errorCaptures: number;
  readonly captureNs: number;
  /** Time spent in decisions, ns. */
  readonly workNs: number;
  /** Bytes of the tables, and those reserved in the heap's budget, which they may grow to. */
  readonly tableBytes: number;
  readonly reservedBytes: number;
}

const installed: WeakMap<GenerationalHeap, Pretenurer> = new WeakMap();

/** A heap's learning placement, as `pretenure` installed it. */
export class Pretenurer {
  readonly heap: GenerationalHeap;
  readonly #policy: LearningPolicy;
  readonly #sources: PlacedSources;
  readonly #reservedBytes: number;
  #stopped: boolean = false;

  constructor(heap: GenerationalHeap, options: PretenureOptions, clock: Clock) {
    const config = resolveOptions(heap, options);
    const table = new ContextTable(config.maxContexts, (bytes) => heap.hold(bytes));
    heap.reserve(config.tableBytes, table.bytes);
    this.#reservedBytes = config.tableBytes;
    this.heap = heap;
    const { ladder, homes } = this.#makeGenerations(table);
    const callers = new CallerIds(() => clock.nowMs());
    const scopes = new AsyncScopes(config.asyncScopes);
    const priors = new Priors(config.priors, heap, (cycles) => ladder.forCycles(cycles));
    this.#sources = { heap, table, ladder, homes, callers, scopes, priors };
    this.#policy = new LearningPolicy({
      ...this.#sources,
      inference: new LifetimeInference(),
      clock,
      callerBudget: config.callerBudget,
    });
    heap.setPlacementPolicy(this.#policy);
  }

  /** @throws HeapFullError where the heap has no room for their table: then nothing is left reserved. */
  #makeGenerations(table: ContextTable): { readonly ladder: GenerationLadder; readonly homes: Homes } {
    let ladder: GenerationLadder | undefined;
    try {
      ladder = new GenerationLadder(this.heap);
      return { ladder, homes: new Homes(this.heap) };
    } catch (error) {
      ladder?.close();
      this.#unreserve(table);
      throw error;
    }
  }

  #unreserve(table: ContextTable): void {
    this.heap.hold(this.#reservedBytes - table.bytes);
    this.heap.release(this.#reservedBytes);
  }

  /** Contexts with what was learnt of them, most bytes first. Cost: some microseconds each. */
  contexts(): PlacedContext[] {
    const contexts: PlacedContext[] = [];
    for (const state of this.#policy.sites) {
      if (state !== undefined) contexts.push(...placedContexts(this.#sources, state));
    }
    return contexts.sort((a, b) => b.allocated.bytes - a.allocated.bytes);
  }

  get stats(): PretenureStats {
    const { table, callers } = this.#sources;
    return {
      windows: this.#policy.windows,
      changes: this.#policy.changes,
      contexts: table.used,
      folded: table.folded,
      captures: callers.captures,
      errorCaptures: callers.errorCaptures,
      captureNs: callers.captureNs,
      workNs: this.#policy.workNs,
      tableBytes: table.bytes,
      reservedBytes: this.#reservedBytes,
    };
  }

  /**
   * Calls `fn` in a named scope that follows all that it awaits or schedules: the last feature by which a conflict is
   * resolved, for work whose stack does not say who asked for it. Name scopes by code, not by data.
   */
  scope<T>(name: string, fn: () => T): T {
    return this.#sources.scopes.run(name, fn);
  }

  /** Takes the policy off the heap: blocks go to the current generation again, decisions are forgotten. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    installed.delete(this.heap);
    if (this.heap.placementPolicy === this.#policy) this.heap.setPlacementPolicy(null);
    // Also where the policy was uninstalled because it threw; another one may want keys.
    if (this.heap.placementPolicy === null) this.heap.wantsPlacementKey = false;
    this.#sources.ladder.close();
    this.#sources.homes.close();
    this.#unreserve(this.#sources.table);
  }
}

/**
 * Installs the learning placement policy into a heap: blocks that are allocated without a generation go where those of
 * their site, and where need be of their time to live, size, key, caller or scope, used to die together (ROLP,
 * EuroSys'19). Generations given by hand win. docs/pretenure.md says how it learns.
 *
 * @returns the heap's Pretenurer; the one there is if it was installed before.
 * @throws TypeError, RangeError naming the option; HeapFullError if the tables (0.25 % of maxBytes) do not fit.
 */
export function pretenure(
  heap: GenerationalHeap,
  options: PretenureOptions = {},
  clock: Clock = systemClock,
): Pretenurer {
  let pretenurer = installed.get(heap);
  if (pretenurer === undefined) {
    pretenurer = new Pretenurer(heap, options, clock);
    installed.set(heap, pretenurer);
  }
  return pretenurer;
}
