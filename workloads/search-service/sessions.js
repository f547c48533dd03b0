// Sessions of the service's users: who they are, what they like, what they searched for lately.
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';

const HISTORY = 20;

export class Sessions {
  #sessions = new LRUCache({ max: 50_000, ttl: 30 * 60_000, updateAgeOnGet: true });

  get size() {
    return this.#sessions.size;
  }

  create(user, preferences = {}) {
    const now = new Date().toISOString();
    const session = {
      id: randomUUID(),
      user,
      preferences: { pageSize: 10, language: 'en', ...preferences },
      createdAt: now,
      lastSeenAt: now,
      history: [],
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  get(id) {
    const session = this.#sessions.get(id);
    if (session) session.lastSeenAt = new Date().toISOString();
    return session;
  }

  /** Remembers a search in the session's history, the newest first. */
  remember(session, query, total) {
    session.history.unshift({ query, total, at: session.lastSeenAt });
    if (session.history.length > HISTORY) session.history.pop();
  }
}
