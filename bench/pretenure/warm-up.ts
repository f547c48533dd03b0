/**
 * How long a program takes to be placed well: from nothing, and with the profile of an earlier run (ROLP_PROFILE_IN), also
 * one taken on another Node. Each run is a process under rolp/register, as a user starts it.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { estimate, median, report } from '../lib/compare.js';
import type { NodeBinary } from '../lib/nodes.js';

/** Compiled to build/bench/pretenure. */
const REGISTER = resolve(import.meta.dirname, '../../../dist/register/index.js');
const SCRIPT = fileURLToPath(new URL('./child.js', import.meta.url));
/** Heap cycles a point, and the points of the figure: the first of all runs, the last of the cold ones. */
const CYCLES_A_POINT = 8;
const FIRST_POINTS = 4;
const STEADY_FROM = 20;
/** What may be left of what a warm-up from nothing costs beyond the steady state, which may be 0 and so is no measure. */
const MOST_LEFT = 0.1;

interface Run {
  /** Bytes evacuated per byte allocated, every 8 heap cycles. */
  readonly points: readonly number[];
}

/** @returns the lines to print. The picture goes beside `outFile`. */
export function warmUp(other: NodeBinary | undefined, rounds: number, outFile: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rolp-warm-up-'));
  const here = { version: process.version, path: process.execPath };
  const kinds: Record<string, { readonly profileOf?: NodeBinary }> = {
    'from nothing': {},
    'with a profile': { profileOf: here },
    ...(other === undefined ? {} : { [`with one of Node ${other.version}`]: { profileOf: other } }),
  };
  try {
    const runs: Record<string, Run[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, { profileOf }] of Object.entries(kinds)) {
        const seed = String(1 + round);
        const out = join(folder, `${round}-${name}`);
        const earlier = join(folder, `${round}-profile-${profileOf?.version}`);
        // The earlier run is another one: its objects are drawn otherwise.
        if (profileOf !== undefined) start(profileOf, String(101 + round), earlier);
        const run = start(here, seed, out, profileOf === undefined ? undefined : earlier);
        runs[name] ??= [];
        runs[name].push(run);
        mkdirSync(dirname(outFile), { recursive: true });
        const line = { bench: 'pretenure warm-up', name, round, node: here.version, at: Date.now(), ...run };
        appendFileSync(outFile, `${JSON.stringify(line)}\n`);
      }
    }
    const picture = join(dirname(outFile), 'warm-up.svg');
    writeFileSync(picture, warmUpPicture(runs));
    return [...warmUpLines(runs), `  picture: ${picture}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function start(node: NodeBinary, seed: string, outDir: string, profileIn?: string): Run {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', ROLP_QUIET: '1', ROLP_OUT_DIR: outDir };
  if (profileIn !== undefined) env.ROLP_PROFILE_IN = profileIn;
  const args = ['--require', REGISTER, SCRIPT, 'warmUp', 'auto', seed];
  const { status, stdout, stderr } = spawnSync(node.path, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${node.path} ${args.join(' ')} ended with ${status}:\n${stderr}`);
  const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, number>;
  return { points: Object.values(figures) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What a warm-up cost, and what of it an earlier run's profile spares. */
export function warmUpLines(runs: Readonly<Record<string, readonly Run[]>>): string[] {
  const steady = median(runs['from nothing']!.map(({ points }) => mean(points.slice(STEADY_FROM))));
  const first = (list: readonly Run[]): number[] =>
    list.map(({ points }) => mean(points.slice(0, FIRST_POINTS)));
  const lines = [
    `warm-up: bytes evacuated per byte allocated, steady ${steady.toPrecision(3)}; in the first ${FIRST_POINTS * CYCLES_A_POINT} heap cycles`,
  ];
  const cost = median(first(runs['from nothing']!)) - steady;
  for (const [name, list] of Object.entries(runs)) {
    const shares = first(list);
    const what = `  ${name}: ${median(shares).toPrecision(3)}`;
    if (name === 'from nothing') lines.push(what);
    else if (!(cost > 0)) lines.push(`${what}, and there is nothing to spare`);
    else {
      const left = estimate(shares.map((share) => (share - steady) / cost));
      lines.push(report(`${what}, of the warm-up's cost`, left, 'at most', MOST_LEFT));
    }
  }
  return lines;
}

/** @returns an SVG document: the figure over heap cycles, medians of the rounds. */
export function warmUpPicture(runs: Readonly<Record<string, readonly Run[]>>): string {
  const points = Object.entries(runs).flatMap(([run, list]) =>
    list[0]!.points.map((_, at) => ({
      run,
      cycle: (at + 1) * CYCLES_A_POINT,
      share: median(list.map(({ points }) => points[at]!)),
    })),
  );
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    document: document as never,
    width: 640,
    height: 320,
    style: { background: 'white', color: '#1b1f24', fontFamily: 'sans-serif' },
    x: { label: 'heap cycles since the start' },
    y: { label: 'bytes evacuated per byte allocated', grid: true, zero: true },
    color: { domain: Object.keys(runs), range: ['#e15759', '#59a14f', '#4e79a7'] },
    marks: [
      Plot.lineY(points, { x: 'cycle', y: 'share', stroke: 'run', z: 'run' }),
      Plot.dot(points, { x: 'cycle', y: 'share', stroke: 'run', r: 2 }),
      ...Object.keys(runs).map((run, at) =>
        Plot.text([{ run }], { frameAnchor: 'top-right', text: 'run', fill: 'run', dy: 14 * at }),
      ),
    ],
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${svg.outerHTML}\n`;
}
