/**
 * `npm run bench:publish -- <folder>`: makes a finished run the one that the repository shows. Judges its raw lines anew,
 * puts all of it into bench/results, the lines compressed, and its table and picture into the README. A folder of
 * bench/results is judged where it lies.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { evaluate, readRun } from './evaluate.js';
import { rawLines } from './run.js';

const RESULTS = 'bench/results';
const README = 'README.md';
const BEGIN = '<!-- bench: written by npm run bench:publish -->';
const END = '<!-- bench: end -->';

try {
  publish(process.argv[2]);
} catch (error) {
  console.error(`bench:publish: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}

function publish(folder: string | undefined): void {
  if (folder === undefined || !existsSync(join(folder, 'summary.txt'))) {
    throw new Error(`name the folder of a finished run (it has a summary.txt), got ${folder}`);
  }
  const { config, results } = readRun(folder);
  const majors = config.nodes.map((node) => /^v(\d+)/.exec(node)?.[1] ?? node);
  const shown = join(RESULTS, `node-${majors.join('-')}`);
  // What was put there beside the README's, such as a part of it at another rate, must not take its place.
  const target = dirname(resolve(folder)) === resolve(RESULTS) ? relative('.', folder) : shown;
  const lines = gzipSync(rawLines(folder), { level: 9 });
  const configText = readFileSync(join(folder, 'config.json'));
  mkdirSync(target, { recursive: true });
  evaluate(target, config, results);
  writeFileSync(join(target, 'config.json'), configText);
  writeFileSync(join(target, 'runs.jsonl.gz'), lines);
  if (target !== shown) {
    console.log(`${target} is judged anew; ${README} shows ${shown}`);
    return;
  }
  writeFileSync(README, withTable(readFileSync(README, 'utf8'), target));
  // The table's columns as the linter wants them.
  execFileSync('npx', ['biome', 'format', '--write', README], { stdio: 'pipe' });
  console.log(`${target} and the table in ${README} are those of ${folder}`);
}

/** @throws Error if the README has no place for the table. */
function withTable(readme: string, target: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`${README} lacks the lines '${BEGIN}' and '${END}'`);
  const table = readFileSync(join(target, 'table.md'), 'utf8');
  const picture = `![Pauses by percentile](${target}/pauses.svg)`;
  const rest = `[All figures and verdicts](${target}/summary.txt); [the page](${target}/report.html) with every plot.`;
  return `${readme.slice(0, begin)}${BEGIN}\n\n${picture}\n\n${table}\n${rest}\n\n${readme.slice(end)}`;
}
