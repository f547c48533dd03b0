/** What the service bench uses of autocannon 9, which has no types of its own. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  export interface Request {
    method?: string;
    path?: string;
    headers?: Record<string, string>;
    body?: string;
    setupRequest?(request: Request): Request;
  }

  export interface Options {
    url: string;
    connections?: number;
    /** Requests a second of each connection. */
    connectionRate?: number;
    /** Seconds. */
    duration?: number;
    /** Seconds until an unanswered request is given up. */
    timeout?: number;
    requests?: Request[];
  }

  export interface Result {
    readonly errors: number;
    readonly timeouts: number;
  }

  export interface Run extends PromiseLike<Result>, EventEmitter {
    on(
      event: 'response',
      listener: (client: unknown, status: number, bytes: number, ms: number) => void,
    ): this;
  }

  export default function autocannon(options: Options): Run;
}
