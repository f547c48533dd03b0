/**
 * What a level costs: the search service in this process, in a closed loop, profiled at rolp's default interval and
 * budget: `node run-cost.js '{"way": …}'`. Prints one JSON line.
 */
import { type AttributionLevel, attributionOfThread, NativeSource } from 'rolp/profiler';
import { startService } from './service.js';

export interface CostOptions {
  /** `none`: V8 as it is, without rolp. */
  readonly way: AttributionLevel | 'none';
  readonly warmUpRequests: number;
  readonly requests: number;
  readonly seed: number;
}

const INTERVAL_BYTES = 512 * 1024;

function startProfiling(level: AttributionLevel): void {
  const source = new NativeSource();
  attributionOfThread(source, { level, cycles: null }, 0).applyFlags();
  source.start({ intervalBytes: INTERVAL_BYTES, stackDepth: 16, budgetPercent: 1, maxContexts: 5000, level });
}

async function run({ way, warmUpRequests, requests, seed }: CostOptions): Promise<Record<string, number>> {
  if (way !== 'none') startProfiling(way);
  const send = await startService(seed);
  for (let sent = 0; sent < warmUpRequests; ) sent += await send();
  const startMs = performance.now();
  const before = process.cpuUsage();
  for (let sent = 0; sent < requests; ) sent += await send();
  const { user, system } = process.cpuUsage(before);
  return {
    requestsPerSecond: (1000 * requests) / (performance.now() - startMs),
    cpuUsPerRequest: (user + system) / requests,
  };
}

run(JSON.parse(process.argv[2] ?? '{}') as CostOptions).then((result) => {
  console.log(JSON.stringify(result));
});
