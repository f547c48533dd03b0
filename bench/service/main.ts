/** `npm run bench -- service`: the workloads behind HTTP, since users feel tails through a socket. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as hdr from 'hdr-histogram-js';
import { checkInteger, checkNumber } from '../../src/base/options.js';
import { workloadNamed } from '../tail/variants.js';
import type { DriverFigures, ServerFigures, ServiceSpec } from './spec.js';

const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));
const DRIVER = fileURLToPath(new URL('./driver.js', import.meta.url));
const WORKLOADS = ['cassandra', 'lucene'] as const;
const STREAM_OPS = 100_000;
/** Of the requests that the rate asks for, the share below which the driver or the service was too slow. */
const LEAST_SHARE = 0.95;
const READY_LIMIT_MS = 120_000;

export const SERVICE_HELP: string = `npm run bench -- service [options]

A workload's engine behind HTTP (fastify), driven by autocannon from another process at a fixed rate, latencies
corrected for coordinated omission. Each variant in a process of its own, in turn.

  --workloads a,b    of ${WORKLOADS.join(', ')} (default: both; graphchi has no requests to answer)
  --variants a,b     (default: heap, typed, arena)
  --rate n           requests a second (default 1500)
  --heap-mb n        megabytes of live data in the variant heap (default 200)
  --seconds n        seconds measured of each process, after 3 of warm-up (default 10)
  --repeats n        rounds (default 1)
  --seed n           what is drawn (default 1)
  --out file         lines of JSON, one a process (default bench/out/service.jsonl; appended to)
`;

/** @returns the exit code: 1 if requests failed or pauses were lost. */
export async function runService(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      workloads: { type: 'string' },
      variants: { type: 'string' },
      rate: { type: 'string' },
      'heap-mb': { type: 'string' },
      seconds: { type: 'string' },
      repeats: { type: 'string' },
      seed: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(SERVICE_HELP);
    return 0;
  }
  const workloads = (values.workloads ?? WORKLOADS.join()).split(',').map(checkWorkload);
  const variants = (values.variants ?? 'heap,typed,arena').split(',');
  const base = {
    rate: checkNumber('--rate', Number(values.rate ?? 1500), 10, 1e5),
    heapMb: checkNumber('--heap-mb', Number(values['heap-mb'] ?? 200), 1, 1e5),
    seconds: checkNumber('--seconds', Number(values.seconds ?? 10), 1, 3600),
    seed: checkInteger('--seed', Number(values.seed ?? 1), 0, 2 ** 31),
    streamOps: STREAM_OPS,
    warmupSeconds: 3,
  };
  const repeats = checkInteger('--repeats', Number(values.repeats ?? 1), 1, 100);
  const out = values.out ?? 'bench/out/service.jsonl';
  mkdirSync(dirname(out), { recursive: true });
  let isWrong = false;
  for (const workload of workloads) {
    const mix = workloadNamed(workload).mixes[0]!;
    process.stdout.write(
      `\n${workload} ${mix} behind HTTP, ${base.rate} requests/s, Node ${process.version}\n`,
    );
    process.stdout.write(`${row(HEADER)}\n`);
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const variant of repeat % 2 === 0 ? variants : variants.toReversed()) {
        const result = await runOne({ ...base, workload, mix, variant });
        appendFileSync(out, `${JSON.stringify({ node: process.version, repeat, ...result })}\n`);
        process.stdout.write(`${row(cellsOf(result))}\n`);
        isWrong ||= result.driver.failures > 0 || faultOf(result) !== '';
      }
    }
  }
  process.stdout.write(`\nlatencies in ms from autocannon, corrected; raw figures in ${join(out)}\n`);
  return isWrong ? 1 : 0;
}

function checkWorkload(name: string): (typeof WORKLOADS)[number] {
  const found = WORKLOADS.find((workload) => workload === name);
  if (found === undefined) throw new RangeError(`--workloads: '${name}' is none of ${WORKLOADS.join(', ')}`);
  return found;
}

interface ServiceResult {
  readonly spec: ServiceSpec;
  readonly server: ServerFigures;
  readonly driver: DriverFigures;
}

async function runOne(spec: ServiceSpec): Promise<ServiceResult> {
  const server = fork(SERVER, [JSON.stringify(spec)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    const { port } = (await answerOf(server, spec.variant)) as { port: number };
    const driver = await drive(spec, port, server);
    return { spec, ...driver };
  } finally {
    server.disconnect();
  }
}

/** Runs the driver to its end, telling the server when measuring begins and asking it when it ends. */
async function drive(
  spec: ServiceSpec,
  port: number,
  server: ChildProcess,
): Promise<{ driver: DriverFigures; server: ServerFigures }> {
  const child = spawn(process.execPath, [DRIVER, JSON.stringify(spec), String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let figures: Promise<unknown> | undefined;
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'begin') server.send('begin');
    if (line === 'end') {
      figures = answerOf(server, spec.variant);
      server.send('end');
    }
    last = line;
  }
  if (figures === undefined || !last.startsWith('{')) throw new Error(`the driver of ${spec.variant} failed`);
  return { driver: JSON.parse(last) as DriverFigures, server: (await figures) as ServerFigures };
}

function answerOf(server: ChildProcess, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the server ${name} does not answer`)), READY_LIMIT_MS);
    const ended = (code: number | null): void => {
      clearTimeout(late);
      reject(new Error(`the server ${name} ended with code ${code}`));
    };
    server.once('exit', ended);
    server.once('message', (message) => {
      clearTimeout(late);
      server.off('exit', ended);
      resolve(message);
    });
  });
}

/** What makes the figures mean nothing, or ''. */
function faultOf({ spec, server, driver }: ServiceResult): string {
  if (server.pausesLost > 0) return ` (INVALID: ${server.pausesLost} pauses lost)`;
  const share = driver.requests / (spec.rate * spec.seconds);
  return share < LEAST_SHARE ? ` (INVALID: ${Math.round(share * 100)} % of the rate: lower it)` : '';
}

const HEADER = [
  'variant',
  'requests',
  'failed',
  'p50',
  'p99',
  'p99.9',
  'max',
  'worst pause',
  'paused %',
  'RSS MB',
];

function cellsOf({ spec, server, driver }: ServiceResult): string[] {
  const latency = hdr.decodeFromCompressedBase64(driver.latency, 32);
  const at = (percentile: number): string =>
    latency.totalCount * (1 - percentile / 100) < 10
      ? '-'
      : (latency.getValueAtPercentile(percentile) / 1000).toFixed(2);
  const paused = server.pauses.reduce((sum, { ms }) => sum + ms, 0);
  const worst = server.pauses.reduce((most, { ms }) => Math.max(most, ms), 0);
  return [
    spec.variant + faultOf({ spec, server, driver }),
    String(driver.requests),
    String(driver.failures),
    at(50),
    at(99),
    at(99.9),
    (latency.maxValue / 1000).toFixed(2),
    worst.toFixed(2),
    (paused / spec.seconds / 10).toFixed(2),
    server.peakRssMb.toFixed(0),
  ];
}

function row(cells: readonly string[]): string {
  return cells.map((cell, at) => (at === 0 ? cell.padEnd(12) : cell.padStart(11))).join(' ');
}
