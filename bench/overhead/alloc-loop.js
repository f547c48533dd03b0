// The allocation-heavy loop beside the service: small objects at a rate that no service has, a few of them kept.
const ITERATIONS = 4_000_000;
const KEPT = 50_000;

const ring = new Array(KEPT).fill(null);

function makeEntry(i) {
  return { id: i, name: `entry ${i & 1023}`, tags: [i, i + 1], at: i * 0.5 };
}

function run() {
  let sum = 0;
  for (let i = 0; i < ITERATIONS; i++) {
    const entry = makeEntry(i);
    sum += entry.tags[1];
    if (i % 20 === 0) ring[(i / 20) % KEPT] = entry;
  }
  return sum;
}

process.on('message', (message) => {
  if (message === 'run') process.send({ ran: ITERATIONS, sum: run() });
});
process.channel.ref();
process.send('ready');
