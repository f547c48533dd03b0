import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as hdr from 'hdr-histogram-js';
import { keyOf, LATENCY_UNIT_MS, type ProcessResult, type ProcessSpec } from './spec.js';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** A run's folder: what has been found so far, one line of runs.jsonl a finished process. */
export class RunFolder {
  readonly path: string;
  readonly config: Record<string, unknown>;
  readonly results = new Map<string, ProcessResult>();

  /**
   * @param config everything that makes results comparable; kept in the folder.
   * @throws Error if the folder holds a run of another configuration.
   */
  constructor(path: string, config: Record<string, unknown>) {
    this.path = path;
    this.config = config;
    mkdirSync(path, { recursive: true });
    const text = `${JSON.stringify(config, null, 2)}\n`;
    const configFile = join(path, 'config.json');
    if (existsSync(configFile) && readFileSync(configFile, 'utf8') !== text) {
      throw new Error(
        `--out: ${path} holds a run with other options (see config.json); choose another folder`,
      );
    }
    writeFileSync(configFile, text);
    if (!existsSync(this.#lines)) return;
    for (const line of readFileSync(this.#lines, 'utf8').split('\n')) this.#take(line);
  }

  get #lines(): string {
    return join(this.path, 'runs.jsonl');
  }

  add(result: ProcessResult): void {
    this.results.set(keyOf(result.spec), result);
    appendFileSync(this.#lines, `${JSON.stringify(result)}\n`);
    if (result.latency !== undefined) this.#writeLog(result);
  }

  /** A line cut off by an interruption is its process not finished. */
  #take(line: string): void {
    if (!line.endsWith('}')) return;
    const result = JSON.parse(line) as ProcessResult;
    this.results.set(keyOf(result.spec), result);
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
 * Compares the answers of all processes that served the same operations.
 *
 * @param incomparable variants that answer something else
 * @returns one sentence for each that differs; none if all agree.
 */
export function disagreements(results: readonly ProcessResult[], incomparable: readonly string[]): string[] {
  const found: string[] = [];
  const first = results.find(({ spec }) => !incomparable.includes(spec.engine));
  for (const result of results) {
    if (first === undefined || incomparable.includes(result.spec.engine)) continue;
    const common = Math.min(first.checksums.length, result.checksums.length);
    for (let at = 0; at < common; at++) {
      if (first.checksums[at] === result.checksums[at]) continue;
      found.push(`${keyOf(result.spec)} and ${keyOf(first.spec)} differ within ${256 * 2 ** at} operations`);
      break;
    }
  }
  return found;
}
