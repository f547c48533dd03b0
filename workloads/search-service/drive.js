// Drives a running search service at a fixed rate with a realistic mix of requests:
//   node drive.js --url http://127.0.0.1:3000 --rate 300 --seconds 60 --seed 1
// Prints one JSON object with autocannon's latencies and counts on stdout.
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { readSynsets } from './wordnet.js';

/** A repeatable generator of numbers in [0, 1): mulberry32. */
function seeded(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Draws ranks 0..count-1 with probability proportional to 1 / (rank + 1) ** exponent. */
function zipf(count, exponent, random) {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    cumulative[rank] = sum;
  }
  return () => {
    const point = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] < point) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Words and two-word queries that people might type, in a seeded order of popularity. */
async function vocabulary(random) {
  const words = [];
  const queries = [];
  for await (const { words: synonyms, definition } of readSynsets()) {
    if (random() > 0.25) continue;
    words.push(synonyms[0]);
    const content = definition.match(/\b[a-z]{5,}\b/g) ?? [];
    queries.push(
      content.length > 2 && random() < 0.6
        ? `${content[Math.floor(random() * content.length)]} ${content.at(-1)}`
        : synonyms[0],
    );
  }
  return { words: shuffled(words, random), queries: shuffled(queries, random) };
}

function shuffled(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

/** The mix: 70 % searches (half within a session), 15 % words, 10 % sessions read, 5 % sessions made. */
export async function requestMaker(seed) {
  const random = seeded(seed);
  const { words, queries } = await vocabulary(random);
  const query = zipf(queries.length, 0.9, random);
  const word = zipf(words.length, 0.9, random);
  const sessions = [];
  const session = () => sessions[Math.floor(sessions.length * random() ** 2)];

  function create() {
    const user = `user-${Math.floor(random() * 1e6)}`;
    return {
      method: 'POST',
      path: '/sessions',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        user,
        preferences: { pageSize: 10 + Math.floor(random() * 4) * 10, theme: 'dark' },
      }),
    };
  }

  function search() {
    const prefix = random() < 0.1;
    const path = `/search?q=${encodeURIComponent(queries[query()])}&limit=10${prefix ? '&prefix=true' : ''}`;
    const headers = sessions.length > 0 && random() < 0.5 ? { 'x-session': session() } : {};
    return { method: 'GET', path, headers, body: undefined };
  }

  return {
    next() {
      const dice = random();
      if (dice < 0.7) return search();
      if (dice < 0.85) {
        return {
          method: 'GET',
          path: `/word/${encodeURIComponent(words[word()])}`,
          headers: {},
          body: undefined,
        };
      }
      if (dice < 0.95 && sessions.length > 0) {
        return { method: 'GET', path: `/sessions/${session()}`, headers: {}, body: undefined };
      }
      return create();
    },
    sessionCreated(id) {
      sessions.unshift(id);
      if (sessions.length > 20_000) sessions.pop();
    },
  };
}

/**
 * Sends `rate` requests a second for `seconds`.
 * @param onTick called each second with the requests answered so far.
 */
export async function drive({ url, rate, seconds, maker, connections = 20, onTick }) {
  const running = autocannon({
    url,
    duration: seconds,
    connections,
    overallRate: rate,
    // autocannon sends each connection's share of a second at once and corrects as if the requests were due a
    // millisecond apart, which makes most of its corrected values up: take what was measured.
    ignoreCoordinatedOmission: true,
    requests: [
      {
        setupRequest: (request) => ({ ...request, ...maker.next() }),
        onResponse: (status, body) => {
          if (status === 201) maker.sessionCreated(JSON.parse(body).id);
        },
      },
    ],
  });
  let answered = 0;
  running.on('response', () => answered++);
  const timer = onTick && setInterval(() => onTick(answered), 1000);
  try {
    return await running;
  } finally {
    clearInterval(timer);
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:3000' },
      rate: { type: 'string', default: '300' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
    },
  });
  const maker = await requestMaker(Number(values.seed));
  const result = await drive({
    url: values.url,
    rate: Number(values.rate),
    seconds: Number(values.seconds),
    maker,
  });
  console.log(JSON.stringify(result));
}

if (process.argv[1] === import.meta.filename) await main();
