import { loadAddon, ownClock, ownProcess } from '../base/index.js';
import {
  Adaptation,
  type AttributionControl,
  attributionOfThread,
  NativeSource,
  nativeThreadStore,
  openFallbackSource,
  openSampleSource,
  type SampleSource,
  type ThreadStore,
} from '../profiler/index.js';
import type { Settings } from './settings.js';

/** The part of the budget that periodic files may take; the rest is for looking at the samples. */
const FILE_SHARE = 0.25;
/** With a budget of 0, which sets no limit to looks, files are held to what they may take by default. */
const DEFAULT_BUDGET_PERCENT = 1;

/** Share of wall time, and of the thread's CPU time, that periodic files may take. */
export function fileShare({ budgetPercent }: Settings): number {
  return ((budgetPercent || DEFAULT_BUDGET_PERCENT) / 100) * FILE_SHARE;
}

/** Signals that end an app which does not listen for them. */
export type EndSignal = 'SIGINT' | 'SIGTERM';
export type SignalCallback = (signal: EndSignal, appListens: boolean) => void;

/** The running profiler, as register sees it. */
export interface Profiling {
  readonly source: SampleSource;
  /** The counts of all threads of the process; null where the sampler keeps none. */
  readonly store: ThreadStore | null;
  /** This thread's key in the store. */
  ownKey(): number | undefined;
  readonly attribution: AttributionControl;
  /** Looks at each profile written while the app runs, and opens windows, rests and wakes. */
  readonly adaptation: Adaptation;
  /** CPU time of this thread, ms, of which only differences mean anything; where nobody tells: wall time, which is never less. */
  cpuMs(): number;
  /**
   * Watches the signals that end the process, unseen by `process.listeners`. The callback runs before any listener
   * of the app's; where the app has none, the process then dies by the signal. Null where there is no way.
   */
  readonly watchSignals: ((callback: SignalCallback) => void) | null;
}

interface SignalAddon {
  watchSignals(callback: SignalCallback): boolean;
}

/**
 * Opens a sample source and starts it as the settings say.
 * @throws Error with a sentence for the user where nothing can sample.
 */
export function startProfiling(settings: Settings): Profiling {
  // The setting rather than the variable decides, since a worker's environment may lack it.
  const source = settings.noAddon ? openFallbackSource() : openSampleSource();
  if ('reason' in source) throw new Error(source.reason);
  const attribution = attributionOfThread(source, settings.attribution, settings.windowPauseMs);
  attribution.applyFlags();
  const pollBudgetPercent = settings.budgetPercent * (1 - FILE_SHARE);
  try {
    source.start({
      intervalBytes: settings.intervalBytes,
      stackDepth: settings.stackDepth,
      budgetPercent: pollBudgetPercent,
      maxContexts: settings.maxContexts,
      level: attribution.level,
    });
  } catch (error) {
    attribution.withdrawFlags();
    throw error;
  }
  attribution.watch();
  const adaptation = new Adaptation({
    source,
    attribution,
    budgetPercent: pollBudgetPercent,
    maxWindows: settings.autoWindows,
  });
  if (!(source instanceof NativeSource)) {
    return {
      source,
      store: null,
      ownKey: () => undefined,
      attribution,
      adaptation,
      cpuMs: fallbackCpuMs,
      watchSignals: null,
    };
  }
  const store = nativeThreadStore();
  const addon = loadAddon() as unknown as SignalAddon;
  return {
    source,
    store,
    ownKey: () => source.key,
    attribution,
    adaptation,
    cpuMs: () => store.threadCpuNs() / 1e6,
    watchSignals: (callback) => {
      addon.watchSignals(callback);
    },
  };
}

function fallbackCpuMs(): number {
  // Node 23.9 and later, which the types at hand do not know.
  const { threadCpuUsage } = ownProcess as { threadCpuUsage?: () => NodeJS.CpuUsage };
  if (threadCpuUsage === undefined) return ownClock.nowMs();
  const { user, system } = threadCpuUsage.call(ownProcess);
  return (user + system) / 1000;
}
