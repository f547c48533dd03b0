/** A source of time. Injected wherever time is read, so that tests own it. */
export interface Clock {
  /** Milliseconds since an arbitrary origin, monotonic, fractional. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch; may jump when the system's time is set. */
  unixMs(): number;
}

/** The process's own clock: `performance.now()` and `Date.now()`. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  unixMs: () => Date.now(),
};
