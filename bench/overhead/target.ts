import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccountReading } from './records.js';

/** Compiled to build/bench/overhead: the checkout is three up. */
export const ROOT: string = resolve(import.meta.dirname, '../../..');
const HERE = join(ROOT, 'bench/overhead');
const READY_LIMIT_MS = 300_000;

/** How a process is profiled. */
export interface Kind {
  readonly name: string;
  readonly isRolp: boolean;
  /** The kind that it is compared with; null for those with which others are. */
  readonly base: string | null;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const PROBE = ['--require', join(HERE, 'probe.cjs')];
const ROLP = ['--require', join(ROOT, 'dist/register/index.js')];

function rolp(name: string, env: Record<string, string> = {}): Kind {
  return { name, isRolp: true, base: 'off', execArgv: [...ROLP, ...PROBE], env: { ROLP_QUIET: '1', ...env } };
}

function other(name: string, env: Record<string, string>): Kind {
  return { name, isRolp: false, base: name.startsWith('off') ? null : 'off', execArgv: PROBE, env };
}

/** A tenth of ROLP_INTERVAL's default and ten times ROLP_BUDGET's: as many samples, as much time to look at them. */
const TENFOLD = { ROLP_INTERVAL: String(Math.round(512 * 1024 * 0.1)), ROLP_BUDGET: '10' };
/** And many more GCs to poll in: at default settings every one is polled as it is. V8's own default is 16. */
const SMALL_NEW_SPACE = ['--max-semi-space-size=2', '--min-semi-space-size=2'];

/** By name. */
export const KINDS: Readonly<Record<string, Kind>> = {
  off: other('off', {}),
  rolp: rolp('rolp'),
  flags: { ...other('flags', {}), execArgv: ['--no-turbo-allocation-folding', ...PROBE], base: 'off' },
  'rolp-samples': rolp('rolp-samples', { ROLP_BUDGET: '0.001', ROLP_REPORT_PERIOD: '0' }),
  'rolp-polls': rolp('rolp-polls', { ROLP_REPORT_PERIOD: '0' }),
  // As it is once decisions are stable: looks and files within a tenth of the budget.
  'rolp-rest': rolp('rolp-rest', { ROLP_BUDGET: '0.1' }),
  'rolp-off': rolp('rolp-off', { ROLP_ATTRIBUTION: 'off' }),
  'rolp-sites': rolp('rolp-sites', { ROLP_ATTRIBUTION: 'sites' }),
  'rolp-calls': rolp('rolp-calls', { ROLP_ATTRIBUTION: 'calls' }),
  'off-x10': { ...other('off-x10', {}), execArgv: [...SMALL_NEW_SPACE, ...PROBE] },
  'rolp-x10': {
    ...rolp('rolp-x10', TENFOLD),
    execArgv: [...SMALL_NEW_SPACE, ...ROLP, ...PROBE],
    base: 'off-x10',
  },
  pprof: other('pprof', { BENCH_PEER: 'pprof' }),
  'v8-profiler-next': other('v8-profiler-next', { BENCH_PEER: 'v8-profiler-next' }),
};

export interface Usage {
  readonly cpuUs: number;
  readonly rssBytes: number;
  readonly majorGcs: number;
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

  /** What rolp has counted so far; null for other kinds. Costs the process some ms. */
  async accounting(): Promise<AccountReading | null> {
    return this.kind.isRolp ? ((await this.ask('accounting')) as AccountReading) : null;
  }

  /** Starts the search service and waits until it has indexed. */
  static async service(kind: Kind): Promise<Target> {
    const port = await freePort();
    const target = Target.#start(kind, join(ROOT, 'workloads/search-service/server.js'), port);
    try {
      await target.#untilReady();
      return target;
    } catch (error) {
      await target.stop();
      throw error;
    }
  }

  async #untilReady(): Promise<void> {
    const limit = Date.now() + READY_LIMIT_MS;
    while (Date.now() < limit) {
      this.#mustRun();
      const response = await fetch(`${this.url}/health`).catch(() => undefined);
      await response?.arrayBuffer();
      if (response?.ok) return;
      await sleep(200);
    }
    throw new Error(`the service (${this.kind.name}) was not ready after ${READY_LIMIT_MS / 1000} s`);
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
