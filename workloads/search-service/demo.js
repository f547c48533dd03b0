// Runs the search service under rolp, drives it for a minute, stops it as a supervisor would, and prints rolp's
// report: node demo.js [--rate 150] [--seconds 60] [--seed 1] [--out-dir DIR]. Progress goes to stderr.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { drive, requestMaker } from './drive.js';

const SERVER = join(import.meta.dirname, 'server.js');
const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 15_000;

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '150' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    'out-dir': { type: 'string' },
  },
});

function progress(text) {
  process.stderr.write(`demo: ${text}\n`);
}

function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

async function untilIndexed(url, service) {
  const limit = Date.now() + START_LIMIT_MS;
  for (let last = 0; Date.now() < limit; ) {
    if (service.exitCode !== null) throw new Error(`the service ended with code ${service.exitCode}`);
    const response = await fetch(`${url}/health`).catch(() => undefined);
    const status = await response?.json();
    if (status?.ready) return status;
    if (status && status.documents - last >= 30_000) {
      last = status.documents;
      progress(`indexed ${last} of 117791 glosses`);
    }
    await sleep(200);
  }
  throw new Error(`the service was not ready after ${START_LIMIT_MS / 1000} s`);
}

function run(command, args, options) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  return {
    child,
    ended: new Promise((done) => child.once('close', (code, signal) => done({ code, signal }))),
  };
}

async function main() {
  const rate = Number(values.rate);
  const seconds = Number(values.seconds);
  const outDir = values['out-dir'] ?? mkdtempSync(join(tmpdir(), 'rolp-demo-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;

  progress('starting the service: node --require rolp/register workloads/search-service/server.js');
  const env = { ...process.env, PORT: String(port), ROLP_OUT_DIR: outDir };
  const service = run(process.execPath, ['--require', 'rolp/register', SERVER], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    await untilIndexed(url, service.child);
    progress(`driving it with ${rate} requests a second for ${seconds} s`);
    const maker = await requestMaker(Number(values.seed));
    let second = 0;
    const result = await drive({
      url,
      rate,
      seconds,
      maker,
      onTick: (answered) => {
        if (++second % 10 === 0)
          progress(`${answered} requests answered, ${Math.max(0, seconds - second)} s left`);
      },
    });
    const { latency, errors, non2xx } = result;
    progress(
      `${result.requests.total} requests; latency p50 ${latency.p50} ms, p99 ${latency.p99} ms; ` +
        `${errors} errors, ${non2xx} other than 2xx`,
    );
    if (errors > 0 || non2xx > 0) process.exitCode = 1;
  } finally {
    service.child.kill('SIGTERM');
    const late = setTimeout(() => service.child.kill('SIGKILL'), STOP_LIMIT_MS);
    await service.ended;
    clearTimeout(late);
  }

  const file = readdirSync(outDir).find((name) => name.startsWith(`rolp-${service.child.pid}-0`));
  if (!file) throw new Error(`the service left no profile in ${outDir}`);
  const path = join(outDir, file);
  progress(`the report: rolp report ${relative(process.cwd(), path)}\n`);
  const report = await run(process.execPath, [
    join(import.meta.dirname, '../../dist/cli/main.js'),
    'report',
    path,
  ]).ended;
  if (report.code !== 0) process.exitCode = 1;
}

await main();
