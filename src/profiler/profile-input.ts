import { mergeProfiles } from './merge-profiles.js';
import type { Profile, ProfileContext } from './profile.js';
import { findProfileFiles, readProfile } from './profile-file.js';

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
    for (const context of contexts) this.#byId.set(`${context.kind} ${context.id}`, context);
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

let input: DecisionTable | null = null;

/** The decisions this process was started with (ROLP_PROFILE_IN), or null. */
export function profileInput(): DecisionTable | null {
  return input;
}

/** Sets what `profileInput` answers: rolp/register's business, before the app's first line. */
export function setProfileInput(table: DecisionTable | null): void {
  input = table;
}
