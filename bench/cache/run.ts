/** Runs the processes of bench/cache, keeps each result as a line of JSON, and finds those of an earlier run. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeBinary } from '../lib/nodes.js';
import type { Sample, Spec } from './spec.js';

const script: string = fileURLToPath(new URL('./child.js', import.meta.url));
/** Four million objects take V8 past its default bound. */
const FLAGS = ['--max-old-space-size=16384'];
const TIMEOUT_MS = 600_000;
const NOT_INSTALLED = 3;

interface Line {
  readonly key: string;
  readonly sample: Sample;
}

/** The results of a run, on file: a run that is broken off goes on where it was. */
export class Results {
  readonly file: string;
  readonly #known: Map<string, Sample> = new Map();

  /** @throws Error if the file holds what is no result. */
  constructor(file: string) {
    this.file = file;
    mkdirSync(dirname(file), { recursive: true });
    if (!existsSync(file)) return;
    for (const text of readFileSync(file, 'utf8').split('\n')) {
      if (text === '') continue;
      const { key, sample } = JSON.parse(text) as Line;
      this.#known.set(key, sample);
    }
  }

  get count(): number {
    return this.#known.size;
  }

  /** The result kept under the key, or that of `make`, which is then kept. */
  get(key: string, make: () => Sample): Sample {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const sample = make();
    this.#known.set(key, sample);
    appendFileSync(this.file, `${JSON.stringify({ key, at: Date.now(), sample })}\n`);
    return sample;
  }
}

/** A store that cannot be had on this machine. */
export class LeftOut extends Error {}

/** @throws LeftOut; Error with the process's stderr if it fails. */
export function runChild(spec: Spec, node: NodeBinary): Sample {
  const flags = spec.phase === 'hits' ? [...FLAGS, '--expose-gc'] : FLAGS;
  const { status, signal, stdout, stderr } = spawnSync(node.path, [...flags, script, JSON.stringify(spec)], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    timeout: TIMEOUT_MS,
    env: { ...process.env, NODE_ENV: 'production' },
  });
  if (status === NOT_INSTALLED) throw new LeftOut(stderr.trim());
  if (status !== 0) {
    throw new Error(`${spec.store} (${spec.phase}) ended with ${signal ?? status}:\n${stderr}`);
  }
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Sample;
}
