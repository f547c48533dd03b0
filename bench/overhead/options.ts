import { parseArgs } from 'node:util';
import { KINDS, type Kind } from './target.js';

const USUAL_KINDS = 'off,rolp,pprof,v8-profiler-next';
const LEVEL_KINDS = 'off,rolp-off,rolp-sites,rolp-calls';
const PARTS_KINDS = 'off,flags,rolp-samples,rolp-polls,rolp';
const ACCOUNTING_KINDS = 'off,rolp,rolp-rest,off-x10,rolp-x10';

export const HELP: string = `Usage: npm --prefix bench install && npm run bench:overhead -- [options]

  --workload NAME       service or loop (default service)
  --pairs N             rounds, each a pair of every kind with the bare process (default 30)
  --kinds LIST          of ${Object.keys(KINDS).join(', ')} (default ${USUAL_KINDS})
  --levels              the costs of rolp's attribution levels: --kinds ${LEVEL_KINDS}
  --parts               what rolp's cost is made of, each kind with a part more: --kinds
                        ${PARTS_KINDS}
                        (V8's flags of the default level, samples, looks at them, periodic files)
  --accounting          whether rolp's account of its own cost is right, at ten times the load, and what it says of the
                        default settings and of rest: --kinds ${ACCOUNTING_KINDS}
  --seconds S           length of a round (default 30)
  --rate R              requests a second to each process (default 100)
  --warm-up S           length of the warm-up of each process, at twice the rate (default 20)
  --rounds-per-process N  rounds after which the processes are replaced (default 2)
  --seed N              of requests (default 1)
  --fresh               start over instead of going on with bench/out
  --help                this page

Results: one JSON line a slice in bench/out/overhead-<workload>.jsonl (overhead-accounting-<workload>.jsonl), then a
verdict for each kind against CPU a request 1.02, p99 1.05, RSS + 32 MB, and for rolp against CPU within 1 point of each
peer's: met, short, or undecided when the 95 % interval holds the limit or there are fewer than six processes of a kind.
The defaults take about 25 minutes.
`;

export interface Options {
  readonly workload: 'service' | 'loop';
  readonly accounting: boolean;
  readonly pairs: number;
  readonly kinds: readonly Kind[];
  readonly seconds: number;
  readonly rate: number;
  readonly warmUpSeconds: number;
  readonly roundsPerProcess: number;
  readonly seed: number;
  readonly fresh: boolean;
}

/** @throws Error that names the option. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      workload: { type: 'string', default: 'service' },
      pairs: { type: 'string', default: '30' },
      kinds: { type: 'string' },
      levels: { type: 'boolean', default: false },
      parts: { type: 'boolean', default: false },
      accounting: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '30' },
      rate: { type: 'string', default: '100' },
      'warm-up': { type: 'string', default: '20' },
      'rounds-per-process': { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const { workload, accounting, levels, parts } = values;
  if (workload !== 'service' && workload !== 'loop') {
    throw new Error(`--workload must be service or loop, got ${JSON.stringify(workload)}`);
  }
  if (Number(accounting) + Number(levels) + Number(parts) > 1) {
    throw new Error('--accounting, --levels and --parts exclude each other');
  }
  const usual = accounting ? ACCOUNTING_KINDS : levels ? LEVEL_KINDS : parts ? PARTS_KINDS : USUAL_KINDS;
  const kinds = kindsOf(values.kinds ?? usual);
  const needed = accounting ? ACCOUNTING_KINDS.split(',') : kinds.map(({ base }) => base ?? 'off');
  for (const name of needed) {
    if (!kinds.some((kind) => kind.name === name)) throw new Error(`--kinds must hold ${name}`);
  }
  return {
    workload,
    accounting,
    kinds,
    pairs: positive('--pairs', values.pairs),
    seconds: positive('--seconds', values.seconds),
    rate: positive('--rate', values.rate),
    warmUpSeconds: positive('--warm-up', values['warm-up']),
    roundsPerProcess: positive('--rounds-per-process', values['rounds-per-process']),
    seed: positive('--seed', values.seed),
    fresh: values.fresh,
  };
}

function kindsOf(list: string): Kind[] {
  return list.split(',').map((name) => {
    const kind = KINDS[name];
    if (kind === undefined) {
      throw new Error(`--kinds: ${JSON.stringify(name)} is none of ${Object.keys(KINDS).join(', ')}`);
    }
    return kind;
  });
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, got ${JSON.stringify(text)}`);
  return value;
}
