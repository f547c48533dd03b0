import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import * as hdr from 'hdr-histogram-js';
import { FIRST_CHECKPOINT } from './loops.js';
import { keyOf, LATENCY_UNIT_MS, type ProcessResult, type ProcessSpec } from './spec.js';

const LINES = 'runs.jsonl';
const NEWLINE = 0x0a;
const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** A run's folder: what has been found so far, one line of runs.jsonl a finished process. */
export class RunFolder {
  readonly path: string;
  readonly results: Map<string, ProcessResult>;

  /**
   * @param config everything that makes results comparable; kept in the folder.
   * @throws Error if the folder holds a run of another configuration.
   */
  constructor(path: string, config: object) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    const text = `${JSON.stringify(config, null, 2)}\n`;
    const configFile = join(path, 'config.json');
    if (existsSync(configFile) && readFileSync(configFile, 'utf8') !== text) {
      throw new Error(
        `--out: ${path} holds a run with other options (see config.json); choose another folder`,
      );
    }
    writeFileSync(configFile, text);
    // What an interruption cut off goes: the next line would be written on behind it, and neither could be read.
    if (existsSync(this.#lines)) truncateSync(this.#lines, rawLines(path).length);
    this.results = existsSync(this.#lines) ? readResults(path) : new Map();
  }

  get #lines(): string {
    return join(this.path, LINES);
  }

  add(result: ProcessResult): void {
    this.results.set(keyOf(result.spec), result);
    appendFileSync(this.#lines, `${JSON.stringify(result)}\n`);
    if (result.latency !== undefined) this.#writeLog(result);
  }

  /** HdrHistogram's log format; values are in units of 100 ns, written out in ms. */
  #writeLog({ spec, latency }: ProcessResult): void {
    const histogram = hdr.decodeFromCompressedBase64(latency!, 32);
    let log = '';
    const writer = new hdr.HistogramLogWriter((text) => {
      log += text;
    });
    histogram.startTimeStampMsec = 0;
    histogram.endTimeStampMsec = spec.seconds * 1000;
    writer.outputComment(`${keyOf(spec)}: latency from intended start, unit 100 ns, max column in ms`);
    writer.outputLogFormatVersion();
    writer.outputLegend();
    writer.outputIntervalHistogram(histogram, 0, spec.seconds, 1 / LATENCY_UNIT_MS);
    writeFileSync(join(this.path, `${keyOf(spec).replaceAll('|', '_')}.hlog`), log);
  }
}

/**
 * The whole lines of a run, compressed where it was published. A line cut off by an interruption is its process not
 * finished.
 */
export function rawLines(folder: string): Buffer {
  const file = join(folder, LINES);
  const bytes = existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`));
  return bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
}

/** By their keys, in the order of the lines. */
export function readResults(folder: string): Map<string, ProcessResult> {
  const results = new Map<string, ProcessResult>();
  for (const line of rawLines(folder).toString('utf8').split('\n')) {
    if (line === '') continue;
    const result = JSON.parse(line) as ProcessResult;
    results.set(keyOf(result.spec), result);
  }
  return results;
}

/**
 * Runs one process.
 *
 * @throws Error that names the process and shows the end of what it wrote to stderr.
 */
export function runProcess(spec: ProcessSpec, nodePath: string): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(nodePath, [...spec.nodeFlags, CHILD, JSON.stringify(spec)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const line = out.trimEnd().split('\n').at(-1) ?? '';
      if (code === 0 && line.startsWith('{')) resolve(JSON.parse(line) as ProcessResult);
      else reject(new Error(`${keyOf(spec)} ended with ${signal ?? code}:\n${errors}`));
    });
  });
}

/**
 * Compares the answers of all processes that served the same operations, as far as any two of them went: the one that
 * served most is compared up to the next one's last checkpoint.
 *
 * @param incomparable variants that answer something else
 * @returns one sentence for each that differs; none if all agree.
 */
export function disagreements(results: readonly ProcessResult[], incomparable: readonly string[]): string[] {
  const found = new Map<ProcessResult, string>();
  const comparable = results.filter(({ spec }) => !incomparable.includes(spec.engine));
  const most = comparable.reduce((length, { checksums }) => Math.max(length, checksums.length), 0);
  for (let at = 0; at < most; at++) {
    const [first, ...others] = comparable.filter((one) => one.checksums.length > at && !found.has(one));
    for (const other of others) {
      if (first!.checksums[at] === other.checksums[at]) continue;
      const operations = FIRST_CHECKPOINT * 2 ** at;
      found.set(
        other,
        `${keyOf(other.spec)} and ${keyOf(first!.spec)} differ within ${operations} operations`,
      );
    }
  }
  return [...found.values()];
}

/** What is said of a group's answers: up to which checkpoint two variants gave the same, or which differ. */
export function answersOf(
  results: readonly ProcessResult[],
  incomparable: readonly string[],
): { text: string; differ: boolean } {
  const differing = disagreements(results, incomparable);
  if (differing.length > 0) {
    return { text: differing.map((sentence) => `ANSWERS DIFFER: ${sentence}\n`).join(''), differ: true };
  }
  const comparable = results.filter(({ spec }) => !incomparable.includes(spec.engine));
  const reached = new Map<string, number>();
  for (const { spec, checksums } of comparable) {
    reached.set(spec.variant, Math.max(reached.get(spec.variant) ?? 0, checksums.length));
  }
  const [, second = 0] = [...reached.values()].sort((a, b) => b - a);
  if (second === 0) return { text: 'answers: nothing was compared\n', differ: false };
  const operations = FIRST_CHECKPOINT * 2 ** (second - 1);
  return {
    text: `answers: the same in all comparable variants (up to ${operations} operations)\n`,
    differ: false,
  };
}
