import { createHash } from 'node:crypto';

/** Hex digits of an id: 48 bits, so that a collision among 2,000 contexts is a one in 10^8 event. */
const LENGTH = 12;
const FULL_LENGTH = 64;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Ids of contexts from their frames' keys: a shortened SHA-256, the same in every process and checkout. Contexts
 * that differ but would share an id get longer ones, both, so that the order of contexts decides nothing.
 *
 * @param keys one key a context, all different.
 * @param hash replaced in tests, since collisions cannot be had otherwise.
 */
export function contextIds(keys: readonly string[], hash: (text: string) => string = sha256): string[] {
  const hashes = keys.map(hash);
  const ids = hashes.map((full) => full.slice(0, LENGTH));
  for (let length = LENGTH; length < FULL_LENGTH; length += 4) {
    const uses = new Map<string, number>();
    for (const id of ids) uses.set(id, (uses.get(id) ?? 0) + 1);
    let collided = false;
    ids.forEach((id, i) => {
      if (uses.get(id)! < 2) return;
      collided = true;
      ids[i] = hashes[i]!.slice(0, length + 4);
    });
    if (!collided) break;
  }
  return ids;
}
