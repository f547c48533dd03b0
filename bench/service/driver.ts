/**
 * The other side of the service bench: `node driver.js '<ServiceSpec as JSON>' <port>` sends the workload's
 * stream of requests by autocannon, at a fixed rate.
 *
 * autocannon's connections send a second's share in a row and then wait for the next second. So each connection
 * is an autocannon of its own with a small share, and they begin spread over a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import * as hdr from 'hdr-histogram-js';
import {
  type Requests as CassandraRequests,
  FIELDS,
  openRequests as openCassandra,
} from '../../workloads/cassandra/index.js';
import { DELETE, openRequests as openLucene, UPDATE } from '../../workloads/lucene/index.js';
import type { DriverFigures, ServiceSpec } from './spec.js';

/** What a connection sends a second: few, so that they are spread. */
const RATE_PER_CONNECTION = 10;

interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const JSON_HEADERS = { 'content-type': 'application/json' };

/** Request number `op` of the workload's stream. */
function requestsOf(spec: ServiceSpec): (op: number) => HttpRequest {
  if (spec.workload === 'lucene') {
    const requests = openLucene(spec);
    return (op) => {
      const slot = requests.slot(op);
      const kind = requests.kind(slot);
      if (kind === UPDATE) {
        const body = JSON.stringify({ text: requests.text(slot) });
        return { method: 'PUT', path: `/documents/${requests.id(slot, op)}`, headers: JSON_HEADERS, body };
      }
      if (kind === DELETE) return { method: 'DELETE', path: `/documents/${requests.id(slot, op)}` };
      return { method: 'GET', path: `/search?kind=${kind}&q=${encodeURIComponent(requests.text(slot))}` };
    };
  }
  const requests: CassandraRequests = openCassandra(spec);
  return (op) => {
    const field = requests.field(op);
    const path = `/rows/${requests.key(op)}`;
    if (field === FIELDS) return { method: 'GET', path };
    const body = JSON.stringify({ value: requests.value(op) });
    return { method: 'PUT', path: `${path}/${field}`, headers: JSON_HEADERS, body };
  };
}

class Driver {
  readonly #spec: ServiceSpec;
  readonly #url: string;
  readonly #request: (op: number) => HttpRequest;
  readonly #latency = hdr.build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 31 - 1,
    numberOfSignificantValueDigits: 3,
  });
  #measuring = false;
  #requests = 0;
  #failures = 0;
  #op = 0;

  constructor(spec: ServiceSpec, url: string) {
    this.#spec = spec;
    this.#url = url;
    this.#request = requestsOf(spec);
  }

  async run(): Promise<DriverFigures> {
    const { rate, warmupSeconds, seconds } = this.#spec;
    const connections = Math.max(1, Math.round(rate / RATE_PER_CONNECTION));
    const runs: Promise<void>[] = [];
    for (let i = 0; i < connections; i++) {
      runs.push(this.#connection(rate / connections, warmupSeconds + seconds + 1));
      await sleep(1000 / connections);
    }
    await sleep(warmupSeconds * 1000);
    process.stdout.write('begin\n');
    this.#measuring = true;
    await sleep(seconds * 1000);
    this.#measuring = false;
    process.stdout.write('end\n');
    await Promise.all(runs);
    const latency = hdr.encodeIntoCompressedBase64(this.#latency);
    return { requests: this.#requests, failures: this.#failures, latency };
  }

  async #connection(rate: number, seconds: number): Promise<void> {
    const run = autocannon({
      url: this.#url,
      connections: 1,
      connectionRate: Math.round(rate),
      duration: seconds,
      timeout: 60,
      requests: [{ setupRequest: (request) => ({ ...request, ...this.#request(this.#op++) }) }],
    });
    // An answer that came late kept this connection's next requests from being sent: they are counted as having
    // waited for what was left of it.
    run.on('response', (_client, status, _bytes, ms) => {
      if (!this.#measuring) return;
      this.#requests++;
      if (!(status < 300 || status === 404)) this.#failures++;
      this.#latency.recordValueWithExpectedInterval(Math.max(1, Math.round(ms * 1000)), 1e6 / rate);
    });
    const result = await run;
    this.#failures += result.errors + result.timeouts;
  }
}

const [spec, port] = process.argv.slice(2);
const figures = await new Driver(JSON.parse(spec!) as ServiceSpec, `http://127.0.0.1:${port}`).run();
process.stdout.write(`${JSON.stringify(figures)}\n`);
