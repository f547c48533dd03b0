/**
 * Whether rolp's account of its own cost is right. Below 1 % of CPU no run of reasonable length measures it; rolp says
 * itself what its polls took and how many samples V8 took for it. At ten times the load the cost can be measured, and
 * the account be checked.
 *
 * Load: that many times the samples a byte allocated and the share of time allowed for polls, and GCs to poll in that
 * come some eight times as often, with a smaller new space that the bare process has too. How many times the work
 * rolp then accounts for is printed.
 */
import { clustered, type Interval, intervalText, median, verdict } from '../lib/compare.js';
import type { SliceRecord } from './records.js';
import { cpuPerWork, type Pair, pairsOf } from './summary.js';

/** What an account below 1 % may be off by, if the 2 % that rolp may cost are to be held all the same. */
const FACTOR_LIMIT = 2;
const CPU_LIMIT_PERCENT = 2;
/** The same once decisions are stable. */
const REST_LIMIT_PERCENT = 0.3;

export function printAccounting(slices: readonly SliceRecord[], nsPerSample: Interval): void {
  const claimedUs = ({ accounting, work }: SliceRecord): number =>
    (accounting!.pollNs + accounting!.fileNs + accounting!.samples * nsPerSample.value) / 1000 / work;
  const share = (pairs: readonly Pair[]): number =>
    (100 * sum(pairs.map(([slice]) => claimedUs(slice)))) / sum(pairs.map(([, base]) => cpuPerWork(base)));
  const added = (pairs: readonly Pair[]): number =>
    sum(pairs.map(([slice, base]) => cpuPerWork(slice) - cpuPerWork(base)));

  const tenfold = pairsOf(slices, 'rolp-x10', 'off-x10');
  const standard = pairsOf(slices, 'rolp', 'off');
  const factor = clustered(tenfold, (pairs) => added(pairs) / sum(pairs.map(([slice]) => claimedUs(slice))));
  const [atTen, atOne] = [share(tenfold.flat()), share(standard.flat())];
  console.log(`accounting, with ${intervalText(nsPerSample)} ns of CPU a sample`);
  console.log(`  at ${(atTen / atOne).toFixed(1)} times the load: ${parts(tenfold, nsPerSample)}`);
  console.log(`  at default settings: ${parts(standard, nsPerSample)}`);
  console.log(
    `  ${verdict(factor, FACTOR_LIMIT, 'at most').padEnd(9)} measured / accounted for, at that load: ` +
      `${intervalText(factor)}, at most ${FACTOR_LIMIT}`,
  );
  const rest = pairsOf(slices, 'rolp-rest', 'off');
  console.log(`  at rest: ${parts(rest, nsPerSample)}`);
  const told = (what: string, accounted: number, limit: number): void => {
    const real: Interval = {
      ...factor,
      value: factor.value * accounted,
      low: factor.low * accounted,
      high: factor.high * accounted,
    };
    console.log(
      `  ${verdict(real, limit, 'at most').padEnd(9)} ${what}, ${accounted.toFixed(2)} % accounted for ` +
        `times that: ${intervalText(real)} % of CPU, at most ${limit}`,
    );
  };
  told('default settings', atOne, CPU_LIMIT_PERCENT);
  told('at rest', share(rest.flat()), REST_LIMIT_PERCENT);
}

/** What is accounted for, and what of it. */
function parts(generations: readonly (readonly Pair[])[], nsPerSample: Interval): string {
  const pairs = generations.flat();
  const bareUs = sum(pairs.map(([, base]) => base.cpuUs));
  const accounts = pairs.map(([slice]) => slice.accounting!);
  const pollsUs = sum(accounts.map(({ pollNs }) => pollNs)) / 1000;
  const filesUs = sum(accounts.map(({ fileNs }) => fileNs)) / 1000;
  const samplesUs = (sum(accounts.map(({ samples }) => samples)) * nsPerSample.value) / 1000;
  const percent = (us: number): string => `${((100 * us) / bareUs).toFixed(2)} %`;
  const measured = median(pairs.map(([slice, base]) => slice.cpuUs - base.cpuUs));
  const bare = median(pairs.map(([, base]) => base.cpuUs));
  return (
    `${percent(pollsUs + samplesUs + filesUs)} of CPU accounted for (${sum(accounts.map(({ polls }) => polls))} polls ` +
    `${percent(pollsUs)}, ${sum(accounts.map(({ samples }) => samples))} samples ${percent(samplesUs)}, files ${percent(filesUs)}), ` +
    `${((100 * measured) / bare).toFixed(2)} % measured`
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
