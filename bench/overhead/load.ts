import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { build, type Histogram } from 'hdr-histogram-js';
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

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  /** Microseconds from when a request was due, not from when it could be sent. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/**
 * Sends requests at a fixed rate whether or not earlier ones were answered, each timed from when it was due.
 * (autocannon sends a second's requests in one burst, whose tail would say nothing of the service's.)
 */
export async function load(
  url: string,
  maker: RequestMaker,
  ratePerSecond: number,
  seconds: number,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const latency = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  const total = Math.round(ratePerSecond * seconds);
  const start = performance.now();
  const pending: Promise<boolean>[] = [];
  for (let sent = 0; sent < total; ) {
    const due = start + (sent * 1000) / ratePerSecond;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    pending.push(send(url, agent, maker, due, latency));
    sent++;
  }
  const outcomes = await Promise.all(pending);
  agent.destroy();
  return {
    requests: total,
    failures: outcomes.filter((ok) => !ok).length,
    p50Us: latency.getValueAtPercentile(50),
    p99Us: latency.getValueAtPercentile(99),
    maxUs: latency.maxValue,
  };
}

function send(
  url: string,
  agent: Agent,
  maker: RequestMaker,
  due: number,
  latency: Histogram,
): Promise<boolean> {
  const { method, path, headers, body } = maker.next();
  return new Promise((done) => {
    const outgoing = request(`${url}${path}`, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (response.statusCode === 201) text += chunk;
      });
      response.on('end', () => {
        latency.recordValue(Math.max(1, Math.round((performance.now() - due) * 1000)));
        if (response.statusCode === 201) maker.sessionCreated(JSON.parse(text).id);
        done((response.statusCode ?? 500) < 500);
      });
    });
    outgoing.on('error', () => done(false));
    outgoing.end(body);
  });
}
