// A dictionary search service: `node server.js`, PORT and HOST from the environment.
import Fastify from 'fastify';
import { Dictionary } from './dictionary.js';
import { Sessions } from './sessions.js';

const searchSchema = {
  querystring: {
    type: 'object',
    required: ['q'],
    properties: {
      q: { type: 'string', minLength: 1, maxLength: 200 },
      limit: { type: 'integer', minimum: 1, maximum: 50, default: 10 },
      page: { type: 'integer', minimum: 0, maximum: 9, default: 0 },
      prefix: { type: 'boolean', default: false },
    },
  },
};

const sessionSchema = {
  body: {
    type: 'object',
    required: ['user'],
    properties: {
      user: { type: 'string', minLength: 1, maxLength: 100 },
      preferences: { type: 'object' },
    },
  },
};

export function buildServer({ dictionary = new Dictionary(), sessions = new Sessions() } = {}) {
  const app = Fastify({ logger: { level: process.env.LOG_LEVEL ?? 'warn' } });
  app.decorate('dictionary', dictionary);

  app.get('/health', (_request, reply) => {
    const status = { ...dictionary.status, sessions: sessions.size, uptime: process.uptime() };
    return reply.code(status.ready ? 200 : 503).send(status);
  });

  app.get('/search', { schema: searchSchema }, (request, reply) => {
    const session = sessions.get(request.headers['x-session']);
    const answer = dictionary.search(request.query.q, request.query);
    if (session) sessions.remember(session, answer.query, answer.total);
    return reply.send(answer);
  });

  app.get('/word/:word', (request, reply) => {
    const entry = dictionary.word(request.params.word);
    return entry ? reply.send(entry) : reply.code(404).send({ error: 'no such word' });
  });

  app.post('/sessions', { schema: sessionSchema }, (request, reply) => {
    const { user, preferences } = request.body;
    return reply.code(201).send(sessions.create(user, preferences));
  });

  app.get('/sessions/:id', (request, reply) => {
    const session = sessions.get(request.params.id);
    return session ? reply.send(session) : reply.code(404).send({ error: 'no such session' });
  });

  return app;
}

async function main() {
  const app = buildServer();
  const stop = () => app.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  const address = await app.listen({
    port: Number(process.env.PORT ?? 3000),
    host: process.env.HOST ?? '127.0.0.1',
  });
  console.log(`listening on ${address}`);
  await app.dictionary.load();
  console.log(`indexed ${app.dictionary.status.documents} synsets`);
}

if (process.argv[1] === import.meta.filename) await main();
