/**
 * What a run's raw lines tell. All that is printed, drawn and published of it is made here, from them and config.json
 * alone, so that a run can be judged again when the judging has changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownOf } from './markdown.js';
import type { BenchOptions } from './options.js';
import { pausePicture } from './picture.js';
import { closedSpecs, type Group, groupsOf, isOf, mostRepeats, openSpecs } from './plan.js';
import { writeReport } from './report.js';
import { answersOf, readResults } from './run.js';
import { PLANNED_RATE, type RunSize } from './sizes.js';
import { keyOf, type ProcessResult, type ProcessSpec } from './spec.js';
import {
  arenaAgainstSingle,
  autoBetween,
  confidenceText,
  figuresOf,
  ownWork,
  tableOf,
  titleOf,
  type VariantFigures,
} from './summary.js';
import { workloadNamed } from './variants.js';
import { verdictsOf } from './verdicts.js';

/** What config.json holds. */
export type RunConfig = Omit<BenchOptions, 'nodes' | 'out' | 'plan'> & {
  readonly command: string;
  /** Versions, as 'v24.1.0'. */
  readonly nodes: readonly string[];
  readonly sizes: Readonly<Record<string, RunSize>>;
  readonly machine: string;
};

/** A group with what was found of it. */
export interface Section {
  readonly group: Group;
  readonly results: readonly ProcessResult[];
  readonly figures: readonly VariantFigures[];
  /** Its table, what its answers and rolp's own pauses were, its verdicts. */
  readonly text: string;
}

export interface Evaluation {
  readonly text: string;
  /** Whether variants disagreed, a run was invalid or a process is missing. */
  readonly wrong: boolean;
}

/**
 * Writes summary.txt, report.html, table.md and pauses.svg into a folder.
 *
 * @param failed processes that are known to have failed
 */
export function evaluate(
  folder: string,
  config: RunConfig,
  results: readonly ProcessResult[],
  failed: readonly ProcessSpec[] = [],
): Evaluation {
  const groups = groupsOf(config, config.nodes);
  const judged = groups.map((group) => {
    const own = results.filter(({ spec }) => isOf(group, spec));
    return sectionOf(config, group, own);
  });
  const sections = judged.map(({ section }) => section);
  const absent = absentOf(groups, config.seed, results, failed);
  const note = noteOf(config, groups, results, failed);
  const text = `${sections.map((section) => section.text).join('')}${absent.join('')}\n${note}\n`;
  writeFileSync(join(folder, 'summary.txt'), text);
  writeReport(folder, config, sections, absent.join('') + note);
  writeFileSync(join(folder, 'table.md'), markdownOf(config, sections));
  writeFileSync(join(folder, 'pauses.svg'), pausePicture(sections));
  return { text, wrong: absent.length > 0 || judged.some(({ wrong }) => wrong) };
}

/** A run's folder as it was left, or as it was published. @throws Error if it is none. */
export function readRun(folder: string): { config: RunConfig; results: ProcessResult[] } {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as RunConfig;
  return { config, results: [...readResults(folder).values()] };
}

function sectionOf(
  config: RunConfig,
  group: Group,
  results: readonly ProcessResult[],
): { section: Section; wrong: boolean } {
  const { incomparable } = workloadNamed(group.workload);
  const figures = figuresOf(group, results);
  const answers = answersOf(results, incomparable);
  const invalid = results.filter(({ invalidBecause }) => invalidBecause !== undefined);
  let text = `\n${titleOf(group, figures)}\n${tableOf(figures)}\n${answers.text}`;
  for (const { spec, invalidBecause } of invalid) text += `INVALID: ${keyOf(spec)}: ${invalidBecause}\n`;
  text += ownWork(results);
  text += arenaAgainstSingle(results);
  text += autoBetween(results);
  const verdicts = config.size === 'quick' ? [] : verdictsOf(group, results);
  for (const line of verdicts) text += `${line}\n`;
  // A library that does not keep up with the others' rate is told of, and is no fault of the run.
  const faulty = invalid.some(({ spec }) => !incomparable.includes(spec.engine));
  return { section: { group, results, figures, text }, wrong: answers.differ || faulty };
}

/** How many rounds of a Node version's open loops were begun. */
function roundsOf(node: string, specs: readonly ProcessSpec[]): number {
  return specs
    .filter((spec) => spec.node === node && spec.phase === 'open')
    .reduce((most, { repeat }) => Math.max(most, repeat + 1), 0);
}

/** A line for each process of the rounds that were begun of which there is no result. */
function absentOf(
  groups: readonly Group[],
  seed: number,
  results: readonly ProcessResult[],
  failed: readonly ProcessSpec[],
): string[] {
  const known = new Set(failed.map(keyOf));
  const there = new Set(results.map(({ spec }) => keyOf(spec)));
  const begun = [...results.map(({ spec }) => spec), ...failed];
  const planned = groups.flatMap((group) => [
    ...closedSpecs(group, seed),
    ...Array.from({ length: roundsOf(group.node, begun) }, (_, repeat) =>
      openSpecs(group, seed, group.rate ?? PLANNED_RATE, repeat),
    ).flat(),
  ]);
  return planned
    .map(keyOf)
    .filter((key) => !there.has(key))
    .map((key) =>
      known.has(key) ? `FAILED: ${key}\n` : `MISSING: ${key}: it failed, or the run was broken off\n`,
    );
}

function noteOf(
  config: RunConfig,
  groups: readonly Group[],
  results: readonly ProcessResult[],
  failed: readonly ProcessSpec[],
): string {
  const begun = [...results.map(({ spec }) => spec), ...failed];
  const leftOut = config.nodes.map((node) => {
    const planned = mostRepeats(groups.filter((group) => group.node === node));
    const left = planned - roundsOf(node, begun);
    return left <= 0 ? '' : `${node}: ${left} of ${planned} repeats were left out: the time was over. `;
  });
  const kind = {
    quick: 'indicative: a short run, no verdict; ',
    medium: 'indicative: smaller than --full; ',
    full: '',
  }[config.size];
  const sure = confidenceText(results);
  const columns = [
    "'load %': the rate in parts of capacity/s",
    "worst pauses and 'p99.9 a run': medians of the repeats",
    "the other quantiles and 'max': of all repeats together",
    "'-': fewer than 10 samples beyond. Pauses: V8's and rolp's own together.",
  ].join('; ');
  return `${leftOut.join('')}${kind}${sure === '' ? '' : `${sure}; `}${columns}`;
}
