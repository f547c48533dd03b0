import { generationOfMedian } from './inference/index.js';
import { mergeProfiles } from './merge-profiles.js';
import type { LifetimeSummary, Profile, ProfileContext } from './profile.js';
import { findProfileFiles, readProfile } from './profile-file.js';
import { PROMOTED_SHARE } from './v8-decisions.js';

/** What an earlier run decided of a context. Its lifetimes travel in bytes, which mean the same in any heap. */
export type StoredDecision = Pick<
  ProfileContext,
  | 'id'
  | 'kind'
  | 'frames'
  | 'samples'
  | 'allocated'
  | 'lifetime'
  | 'generation'
  | 'confidence'
  | 'class'
  | 'ageMarkCompacts'
  | 'decidedAt'
  | 'conflict'
  | 'placed'
>;

/** Decisions by context id, of both kinds: what POLM2's off-line profile is to NG2C. */
export class DecisionTable {
  readonly #byId: Map<string, StoredDecision> = new Map();

  constructor(contexts: Iterable<StoredDecision>) {
    for (const context of contexts) {
      const key = `${context.kind} ${context.id}`;
      const known = this.#byId.get(key);
      // Placed contexts of heaps that have one name have one id: the one with most bytes stands.
      if (known === undefined || known.allocated.bytes < context.allocated.bytes)
        this.#byId.set(key, context);
    }
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string, kind: ProfileContext['kind']): StoredDecision | undefined {
    return this.#byId.get(`${kind} ${id}`);
  }

  all(kind?: ProfileContext['kind']): StoredDecision[] {
    return [...this.#byId.values()].filter((context) => kind === undefined || context.kind === kind);
  }
}

/** The decisions of a profile: contexts about which something was decided. */
export function decisionsOf(profile: Profile): DecisionTable {
  return new DecisionTable(profile.contexts.filter(({ confidence }) => confidence !== null));
}

/**
 * Reads the decisions of a profile, or of a directory of them, joined.
 * @throws ProfileFileError naming the file when one cannot be read, is damaged or of another version.
 */
export function readDecisions(path: string): DecisionTable {
  return decisionsOf(mergeProfiles(findProfileFiles(path).map(readProfile)));
}

/** Bytes allocated per GC cycle an object must outlive to be promoted: it is born anywhere in its first cycle of two. */
const CYCLES_TO_PROMOTION = 1.5;

/**
 * An earlier run's decision on a V8 context, for a process whose GC cycles come each `bytesPerCycle` allocated: young
 * or not, and the generation, follow from lifetimes in bytes, since a larger new space lets more die young.
 *
 * @param bytesPerCycle null, or 0 where the source has no clock of bytes: not known; the decision then stands as it was made.
 */
export function decisionForHeap(
  earlier: StoredDecision,
  bytesPerCycle: number | null,
): Pick<StoredDecision, 'generation' | 'class'> {
  const { lifetime, generation } = earlier;
  // What died young there was collected when its first cycle ended, however long dead: how young, nobody saw.
  if (bytesPerCycle === null || !(bytesPerCycle > 0) || generation === 0)
    return { generation, class: earlier.class };
  const { p50 } = lifetime.bytes;
  const promoted = shareBeyond(lifetime.bytes, CYCLES_TO_PROMOTION * bytesPerCycle);
  if (promoted === null) return { generation, class: earlier.class };
  if (promoted < PROMOTED_SHARE) return { generation: 0, class: 'young' };
  const told = generation !== null && p50.value !== null;
  return {
    generation: told ? generationOfMedian(p50.value! / bytesPerCycle) : null,
    class: earlier.class,
  };
}

/** Share of objects that live longer than `bytes`, on straight lines through what is told; null beyond that. */
function shareBeyond({ p50, p90, p99, horizon, beyond }: LifetimeSummary, bytes: number): number | null {
  const points: (readonly [age: number, left: number])[] = [[0, 1]];
  const told = [
    [p50.value, 0.5],
    [p90.value, 0.1],
    [p99.value, 0.01],
    [horizon, beyond],
  ] as const;
  for (const [age, left] of told) if (age !== null && age > points.at(-1)![0]) points.push([age, left]);
  const after = points.findIndex(([age]) => age >= bytes);
  // Past the horizon no more are left than there.
  if (after < 0) return horizon !== null && beyond < PROMOTED_SHARE ? beyond : null;
  if (after === 0) return 1;
  const [[fromAge, fromLeft], [toAge, toLeft]] = [points[after - 1]!, points[after]!];
  return fromLeft + ((toLeft - fromLeft) * (bytes - fromAge)) / (toAge - fromAge);
}

let input: DecisionTable | null = null;

/** The decisions this process was started with (ROLP_PROFILE_IN), or null. */
export function profileInput(): DecisionTable | null {
  return input;
}

/** Sets what `profileInput` answers: rolp/register's business, before the app's first line. */
export function setProfileInput(table: DecisionTable | null): void {
  input = table;
}
