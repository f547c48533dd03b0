/** One operation of the micro bench in a process of its own: `node child.js <group> <name> <ms>`. */
import { Bench } from 'tinybench';
import { OPERATIONS } from './operations.js';

const [group, name, ms] = process.argv.slice(2);
const operation = OPERATIONS[group!]![name!]!();
// Many operations a sample, since the clock's own cost is about that of the shortest of them.
const BATCH = 1000;
const bench = new Bench({ time: Number(ms), warmupTime: Number(ms) / 4 });
let kept: unknown;
bench.add(name!, () => {
  for (let i = 0; i < BATCH; i++) kept = operation();
});
await bench.run();
const { result } = bench.tasks[0]!;
if (result === undefined || !('latency' in result)) {
  throw new Error(`${group}, ${name}: no result (${JSON.stringify(result)}, last ${String(kept)})`);
}
const { latency } = result;
const ns = (perBatchMs: number): number => (perBatchMs * 1e6) / BATCH;
process.stdout.write(`${JSON.stringify({ ns: ns(latency.p50), meanNs: ns(latency.mean) })}\n`);
