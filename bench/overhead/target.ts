import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Compiled to build/bench/overhead: the checkout is three up. */
export const ROOT: string = resolve(import.meta.dirname, '../../..');
const HERE = join(ROOT, 'bench/overhead');
const READY_LIMIT_MS = 120_000;

/** How a process is profiled. */
export interface Kind {
  readonly name: string;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const PROBE = ['--require', join(HERE, 'probe.cjs')];
const ROLP = ['--require', join(ROOT, 'dist/register/index.js')];

function rolp(name: string, env: Record<string, string> = {}): Kind {
  return { name, execArgv: [...ROLP, ...PROBE], env: { ROLP_QUIET: '1', ...env } };
}

/** By name; `off` is what the others are compared with. */
export const KINDS: Readonly<Record<string, Kind>> = {
  off: { name: 'off', execArgv: PROBE, env: {} },
  rolp: rolp('rolp'),
  'rolp-off': rolp('rolp-off', { ROLP_ATTRIBUTION: 'off' }),
  'rolp-sites': rolp('rolp-sites', { ROLP_ATTRIBUTION: 'sites' }),
  'rolp-calls': rolp('rolp-calls', { ROLP_ATTRIBUTION: 'calls' }),
  pprof: { name: 'pprof', execArgv: PROBE, env: { BENCH_PEER: 'pprof' } },
  'v8-profiler-next': { name: 'v8-profiler-next', execArgv: PROBE, env: { BENCH_PEER: 'v8-profiler-next' } },
};

export interface Usage {
  readonly cpuUs: number;
  readonly rssBytes: number;
}

/** A measured process. */
export class Target {
  readonly kind: Kind;
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #profiles: string;

  private constructor(kind: Kind, url: string, child: ChildProcess, profiles: string) {
    this.kind = kind;
    this.url = url;
    this.#child = child;
    this.#profiles = profiles;
  }

  /** Starts the search service and waits until it has indexed. */
  static async service(kind: Kind): Promise<Target> {
    const port = await freePort();
    const target = Target.#start(kind, join(ROOT, 'workloads/search-service/server.js'), port);
    const limit = Date.now() + READY_LIMIT_MS;
    while (Date.now() < limit) {
      target.#mustRun();
      const response = await fetch(`${target.url}/health`).catch(() => undefined);
      await response?.arrayBuffer();
      if (response?.ok) return target;
      await sleep(200);
    }
    throw new Error(`the service (${kind.name}) was not ready after ${READY_LIMIT_MS / 1000} s`);
  }

  /** Starts the allocation loop, idle. */
  static async loop(kind: Kind): Promise<Target> {
    const target = Target.#start(kind, join(HERE, 'alloc-loop.js'), 0);
    await target.#answer();
    return target;
  }

  static #start(kind: Kind, script: string, port: number): Target {
    const profiles = mkdtempSync(join(tmpdir(), 'rolp-overhead-'));
    const child = fork(script, [], {
      execArgv: [...kind.execArgv],
      env: { ...process.env, NODE_OPTIONS: '', PORT: String(port), ROLP_OUT_DIR: profiles, ...kind.env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new Target(kind, `http://127.0.0.1:${port}`, child, profiles);
  }

  usage(): Promise<Usage> {
    return this.ask('usage') as Promise<Usage>;
  }

  async ask(message: string): Promise<unknown> {
    this.#mustRun();
    const answer = this.#answer();
    this.#child.send(message);
    return answer;
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done));
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.#profiles, { recursive: true, force: true });
  }

  #answer(): Promise<unknown> {
    return new Promise((done, fail) => {
      const ended = (code: number | null): void =>
        fail(new Error(`${this.kind.name} ended with code ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message) => {
        this.#child.off('exit', ended);
        done(message);
      });
    });
  }

  #mustRun(): void {
    if (this.#child.exitCode !== null) {
      throw new Error(`${this.kind.name} ended with code ${this.#child.exitCode}`);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
