/** What one process of bench/cache is told, and what it answers. */

export const MIXES = ['A', 'B', 'C', 'F'] as const;
export type Mix = (typeof MIXES)[number];
/** Share of writes; those of F are read-modify-writes. */
export const WRITES: Readonly<Record<Mix, number>> = { A: 0.5, B: 0.05, C: 0, F: 0.5 };

export type ValueKind = 'object' | 'string' | 'buffer';

/** The full cell, and what varies from it one factor at a time. */
export interface Cell {
  readonly entries: number;
  readonly value: ValueKind;
  readonly distribution: 'zipfian' | 'uniform';
  /** `fresh`: the key string is built for each operation, as from a request. */
  readonly keys: 'fresh' | 'interned';
}

export interface ClosedSpec extends Cell {
  readonly phase: 'closed';
  readonly store: string;
  readonly mixes: readonly Mix[];
  readonly seconds: number;
}

export interface OpenSpec extends Cell {
  readonly phase: 'open';
  readonly store: string;
  readonly mix: Mix;
  readonly seconds: number;
  readonly operationsPerSecond: number;
}

export interface HitsSpec {
  readonly phase: 'hits';
  readonly store: string;
  readonly trace: string;
  readonly entries: number;
}

export type Spec = ClosedSpec | OpenSpec | HitsSpec;
export type Sample = Readonly<Record<string, number>>;
