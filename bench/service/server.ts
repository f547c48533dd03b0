/**
 * One process of the service bench: a workload's engine behind HTTP, `node server.js '<ServiceSpec as JSON>'`. It
 * tells its parent its port, and its pauses when asked.
 */

import fastify, { type FastifyInstance } from 'fastify';
import type { CassandraEngine } from '../../workloads/cassandra/index.js';
import type { Engine } from '../../workloads/common/index.js';
import { LuceneEngine } from '../../workloads/lucene/index.js';
import { loadAddon } from '../tail/addon.js';
import { PauseRecorder } from '../tail/pauses.js';
import { workloadNamed } from '../tail/variants.js';
import type { ServerFigures, ServiceSpec } from './spec.js';

type Lucene = LuceneEngine<never>;
type Cassandra = CassandraEngine<never, never>;

async function main(spec: ServiceSpec): Promise<void> {
  const engine = workloadNamed(spec.workload).prepare(spec).open(spec.variant);
  engine.load();
  const app = fastify();
  if (engine instanceof LuceneEngine) routeLucene(app, engine as Lucene);
  else routeCassandra(app, engine as unknown as Cassandra);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  const watch = new Watch(engine, new PauseRecorder(await loadAddon()));
  process.on('message', (message) => {
    if (message === 'begin') watch.begin();
    else process.send!(watch.end());
  });
  process.on('disconnect', () => process.exit());
  process.send!({ port });
}

function routeCassandra(app: FastifyInstance, engine: Cassandra): void {
  app.get<{ Params: { key: string } }>('/rows/:key', (request, reply) => {
    const row = engine.read(request.params.key);
    return row ?? reply.code(404).send({ error: 'no such row' });
  });
  app.put<{ Params: { key: string; field: string }; Body: { value: string } }>(
    '/rows/:key/:field',
    (request, reply) => {
      engine.write(request.params.key, Number(request.params.field), request.body.value);
      return reply.code(204).send();
    },
  );
}

function routeLucene(app: FastifyInstance, engine: Lucene): void {
  app.get<{ Querystring: { kind: string; q: string } }>('/search', ({ query }) =>
    engine.search(Number(query.kind), query.q),
  );
  app.put<{ Params: { id: string }; Body: { text: string } }>('/documents/:id', (request, reply) => {
    engine.update(Number(request.params.id), request.body.text);
    return reply.code(204).send();
  });
  app.delete<{ Params: { id: string } }>('/documents/:id', (request, reply) => {
    engine.remove(Number(request.params.id));
    return reply.code(204).send();
  });
}

/** What happens between `begin` and `end`. */
class Watch {
  readonly #engine: Engine;
  readonly #pauses: PauseRecorder;
  #timer: NodeJS.Timeout | undefined;
  #peakRss = 0;
  #beginMs = 0;

  constructor(engine: Engine, pauses: PauseRecorder) {
    this.#engine = engine;
    this.#pauses = pauses;
    pauses.start();
    this.#timer = setInterval(() => this.#tick(), 500);
  }

  begin(): void {
    this.#tick();
    this.#beginMs = performance.now();
    this.#peakRss = 0;
    this.#pauses.lost = 0;
  }

  end(): ServerFigures {
    clearInterval(this.#timer);
    this.#tick();
    const pauses = this.#pauses.pauses.filter(({ atMs }) => atMs >= this.#beginMs);
    return {
      pauses: pauses.map(({ kind, ms }) => ({ kind, ms })),
      pausesLost: this.#pauses.lost,
      peakRssMb: this.#peakRss / 1e6,
    };
  }

  #tick(): void {
    this.#pauses.collect(performance.now(), this.#engine.takeStopWork?.());
    this.#peakRss = Math.max(this.#peakRss, process.memoryUsage.rss());
  }
}

await main(JSON.parse(process.argv[2]!) as ServiceSpec);
