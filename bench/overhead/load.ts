import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { build, type Histogram } from 'hdr-histogram-js';
import { shuffled } from './shuffle.js';
import { ROOT } from './target.js';

interface ServiceRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** A repeatable stream of requests, as the demo's driver makes it. */
export interface RequestMaker {
  next(): ServiceRequest;
  sessionCreated(id: string): void;
}

export async function requestMaker(seed: number): Promise<RequestMaker> {
  const driver = await import(pathToFileURL(join(ROOT, 'workloads/search-service/drive.js')).href);
  return driver.requestMaker(seed);
}

/** One of the processes under load, with its own stream of requests. */
export interface Stream {
  readonly url: string;
  readonly maker: RequestMaker;
}

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  /** Microseconds, each from when a request was due, not from when it could be sent. */
  readonly latency: Histogram;
}

export function emptyLatency(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

/**
 * Sends requests to all streams at a fixed rate each, whether or not earlier ones were answered. The streams take
 * turns request by request, in another order each time: whatever the machine does to one, it does to all.
 * (autocannon sends a second's requests in one burst, whose tail would say nothing of the service's.)
 */
export async function load(
  streams: readonly Stream[],
  ratePerSecond: number,
  seconds: number,
): Promise<LoadResult[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const latencies = streams.map(emptyLatency);
  const pending: Promise<boolean>[][] = streams.map(() => []);
  const requests = Math.round(ratePerSecond * seconds);
  const betweenMs = 1000 / ratePerSecond;
  const start = performance.now();
  const indices = streams.map((_, index) => index);
  for (let sent = 0; sent < requests; sent++) {
    for (const [turn, index] of shuffled(indices).entries()) {
      const due = start + (sent + turn / streams.length) * betweenMs;
      const wait = due - performance.now();
      if (wait > 0.5) await sleep(wait);
      pending[index]!.push(send(streams[index]!, agent, due, latencies[index]!));
    }
  }
  const outcomes = await Promise.all(pending.map((own) => Promise.all(own)));
  agent.destroy();
  return outcomes.map((own, index) => ({
    requests,
    failures: own.filter((ok) => !ok).length,
    latency: latencies[index]!,
  }));
}

function send({ url, maker }: Stream, agent: Agent, due: number, latency: Histogram): Promise<boolean> {
  const { method, path, headers, body } = maker.next();
  // Timers may be a little early.
  const from = Math.min(due, performance.now());
  return new Promise((done) => {
    const outgoing = request(`${url}${path}`, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (response.statusCode === 201) text += chunk;
      });
      response.on('end', () => {
        latency.recordValue(Math.max(1, Math.round((performance.now() - from) * 1000)));
        if (response.statusCode === 201) maker.sessionCreated(JSON.parse(text).id);
        done((response.statusCode ?? 500) < 500);
      });
    });
    outgoing.on('error', () => done(false));
    outgoing.end(body);
  });
}
